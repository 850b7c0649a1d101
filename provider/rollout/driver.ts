/** How the executor reaches hosts; the only way out of the rollout room. */
import type { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import type { HostFacts } from "./fleet.ts";

/** Confirmed: a new connection from outside, a new boot, the target booted, the health check good. */
export type Confirmation =
  | { readonly kind: "confirmed" }
  /** The host answers with the target and is not healthy: the image is at fault and is rejected. */
  | { readonly kind: "unhealthy"; readonly reason: Failure }
  /** Nobody knows: no answer in time, another digest. May be tried again. */
  | { readonly kind: "unconfirmed"; readonly reason: Failure };

/** Every step can be repeated after a crash at any line. */
export interface HostDriver {
  observe(host: string, signal: AbortSignal): Promise<HostFacts>;
  /** What may be done ahead of the slot, without arming anything (pull, make a disk). */
  prepare(host: string, target: Digest, signal: AbortSignal): Promise<void>;
  /** Stage, arm and restart into the target; returns when the restart has begun. */
  swap(host: string, target: Digest, signal: AbortSignal): Promise<void>;
  /** Waits until the host is confirmed or the time for it is over; at once when it is confirmed already. */
  confirm(host: string, target: Digest, signal: AbortSignal): Promise<Confirmation>;
  /** Back to what ran before the swap; returns when that is confirmed. A host that the swap did not restart is only disarmed. */
  rollBack(host: string, to: Digest, signal: AbortSignal): Promise<Confirmation>;
  /** The host is confirmed for good: what a rollback would need may go. */
  settle(host: string, signal: AbortSignal): Promise<void>;
}
