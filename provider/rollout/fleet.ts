/** Nouns of a rollout: hosts as they were observed, the rules that users set, and what is to be reached. */
import type { Digest } from "../model/digest.ts";

/** All but `healthy` count as unavailable in every budget. `absent`: not made yet, or its process is gone. */
export type Health = "healthy" | "unhealthy" | "unreachable" | "restarting" | "absent";

/** One host as it was observed; never what somebody remembered of it. */
export interface HostFacts {
  readonly name: string;
  readonly health: Health;
  readonly labels: Readonly<Record<string, string>>;
  /** The image that runs; absent when the host could not be asked. */
  readonly booted?: Digest;
  readonly staged?: Digest;
  /** What a rollback would boot. */
  readonly rollback?: Digest;
  /** Swapped after all others (the registry, the bastion). */
  readonly last?: boolean;
  /** Must be restarted though it runs the target: its settings changed. */
  readonly mustRestart?: boolean;
  /** What runs was confirmed for good by a rollout that ended well. Left out: nobody knows; a rollback slot speaks against it. */
  readonly settled?: boolean;
  /** Closed: the host is prepared and left for a later run; rollbacks do not ask. Left out: always open. */
  readonly window?: "open" | "closed";
}

export type OnFailure = "stop" | "rollback" | "rollbackAll";

/** The `rollout` property, with its defaults filled in. */
export interface RolloutRules {
  /** How many hosts go first; 0 for none. */
  readonly canary: number;
  /** A number of hosts, or "20%", which never rounds to 0. */
  readonly maxUnavailable: number | string;
  readonly bakeSeconds: number;
  /** How many hosts may fail before the rollout stops. */
  readonly failureBudget: number;
  readonly onFailure: OnFailure;
  /** Unavailable hosts allowed within each group of hosts that share the label's value: `{site: 1}`. */
  readonly perLabel?: Readonly<Record<string, number>>;
}

/** What an earlier rollout learned: this digest was unhealthy on a host. */
export interface Rejection {
  readonly digest: Digest;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly reason: string;
}
