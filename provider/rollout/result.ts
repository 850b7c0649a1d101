/** What became of a rollout, as data: one outcome per host, and what was observed at the end. */
import type { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import type { HostFacts, Rejection } from "./fleet.ts";
import type { RolloutPlan } from "./plan.ts";

export type Outcome =
  /** Runs the target already. */
  | { readonly kind: "unchanged" }
  | { readonly kind: "confirmed" }
  /** Unhealthy before and after: no failure. */
  | { readonly kind: "still-unhealthy"; readonly reason: Failure }
  /** Failed; back on what ran before. */
  | { readonly kind: "put-back"; readonly to: Digest; readonly reason: Failure }
  /** Taken back with the others, though it was confirmed. */
  | { readonly kind: "taken-back"; readonly to: Digest }
  /** The image was refused; the host was down, or still on it, and is back on what worked. */
  | { readonly kind: "restored"; readonly to: Digest }
  /** Failed before anything was done to it. */
  | { readonly kind: "untouched"; readonly reason: Failure }
  /** Failed and left as it is; `rollback` says why it could not be put back. */
  | { readonly kind: "failed"; readonly reason: Failure; readonly rollback?: Failure }
  /** The run was stopped in the middle of it; the next run finds out. */
  | { readonly kind: "interrupted" }
  | { readonly kind: "pending"; readonly reason: string };

export type OutcomeKind = Outcome["kind"];

export interface RolloutResult {
  readonly target: Digest;
  readonly plan: RolloutPlan;
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** As observed at the end; hosts that could not be asked are missing. */
  readonly booted: Readonly<Record<string, Digest>>;
  readonly hosts: readonly HostFacts[];
  /** Hosts that a later run has to move. */
  readonly pending: readonly string[];
  readonly rejection?: Rejection;
  readonly failure?: Failure;
  /** One line each, for warnings. */
  readonly remarks: readonly string[];
}
