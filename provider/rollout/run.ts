/** One run of the executor: what it was asked, what it knows, and what became of each host so far. */
import { asFailure, type Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import type { Clock } from "./clock.ts";
import type { HostDriver } from "./driver.ts";
import { FleetView } from "./fleet-view.ts";
import type { HostFacts, Rejection, RolloutRules } from "./fleet.ts";
import { defaultConcurrency, type StepKind } from "./plan.ts";
import type { Outcome } from "./result.ts";

export interface RolloutRequest {
  /** For messages: `MachineGroup "kiosk"`. */
  readonly subject: string;
  /** As observed just now. */
  readonly hosts: readonly HostFacts[];
  readonly target: Digest;
  readonly rules: RolloutRules;
  readonly rejected?: Rejection;
  readonly driver: HostDriver;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** One line: `kiosk-1: restarting into 77aa…`. */
  readonly onProgress: (text: string) => void;
  /** How many hosts may be worked on at once, whatever the budgets allow; default 10. */
  readonly concurrency?: number;
  /** Before a host goes down, others are asked again that were not seen for that long; default 30. */
  readonly freshSeconds?: number;
}

export interface Attempt {
  readonly kind: StepKind;
  readonly before: HostFacts;
}

export interface HostFailure {
  readonly host: string;
  readonly reason: Failure;
  /** The image is at fault, as far as one host can tell. */
  readonly rejects: boolean;
}

/** Why no further host is touched. */
export type Stop =
  | { readonly kind: "failures" }
  | { readonly kind: "blocked"; readonly host: string }
  | { readonly kind: "canary-lost"; readonly host: string };

export class Run {
  readonly request: RolloutRequest;
  readonly view: FleetView;
  readonly outcomes = new Map<string, Outcome>();
  /** What was to be done with a host, and what was observed right before. */
  readonly attempts = new Map<string, Attempt>();
  /** Hosts of the canary wave, for messages. */
  readonly canaries = new Set<string>();
  readonly failures: HostFailure[] = [];
  readonly remarks: string[] = [];
  readonly concurrency: number;
  stop: Stop | undefined;

  constructor(request: RolloutRequest) {
    this.request = request;
    this.concurrency = request.concurrency ?? defaultConcurrency;
    this.view = new FleetView({ ...request, concurrency: this.concurrency });
  }

  get target(): Digest {
    return this.request.target;
  }

  get driver(): HostDriver {
    return this.request.driver;
  }

  get signal(): AbortSignal {
    return this.request.signal;
  }

  get stopping(): boolean {
    return this.signal.aborted || this.stop !== undefined;
  }

  progress(host: string, text: string): void {
    this.request.onProgress(`${host}: ${text}`);
  }

  conclude(host: string, outcome: Outcome): void {
    this.outcomes.set(host, outcome);
  }

  /** Counts a failed host; one too many stops the rollout. */
  fail(failure: HostFailure): void {
    this.failures.push(failure);
    if (this.failures.length > this.request.rules.failureBudget) this.stop ??= { kind: "failures" };
  }
}

/** The failure that a step ended with; undefined when it went well. */
export async function failureOf(step: Promise<void>): Promise<Failure | undefined> {
  try {
    await step;
    return undefined;
  } catch (thrown) {
    return asFailure(thrown);
  }
}
