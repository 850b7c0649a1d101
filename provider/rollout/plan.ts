/** The planner: from hosts as they were observed to waves, as data. Resuming a rollout is planning it again. */
import { shortDigest, type Digest } from "../model/digest.ts";
import { openLedger, unavailableLimit, type Ledger } from "./budget.ts";
import type { HostFacts, Rejection, RolloutRules } from "./fleet.ts";

/** `check`: runs the target, is confirmed once more. `create`: does not run, costs no availability. */
export type StepKind = "swap" | "create" | "check";

export interface Step {
  readonly host: string;
  readonly kind: StepKind;
  /** Why, as the end of a sentence about the host: `runs 9f2c…, wants 77aa…`. */
  readonly reason: string;
}

/**
 * `check`: what an interrupted rollout left unconfirmed, judged before anything else moves. `canary`: healthy hosts go
 * first. `down`: hosts that do not work anyway and so cost no slot. `slots`: all others. `last`: hosts that others need.
 */
export type WaveKind = "check" | "canary" | "down" | "slots" | "last";

export interface Wave {
  readonly kind: WaveKind;
  readonly steps: readonly Step[];
  readonly atOnce: number;
  /** How long the wave is watched before the next one begins. */
  readonly bakeSeconds: number;
}

/** A host that this run does not move. */
export interface Postponed {
  readonly host: string;
  readonly reason: string;
  /** Its window is closed: what needs no restart is done now. */
  readonly prepare: boolean;
}

export interface RolloutPlan {
  readonly target: Digest;
  readonly rules: RolloutRules;
  readonly waves: readonly Wave[];
  readonly postponed: readonly Postponed[];
  /** Hosts that no budget lets go down, as long as others stay down that no rollout can mend. */
  readonly blocked: readonly string[];
  /** The target was unhealthy before: there are no waves. */
  readonly refused?: Rejection;
  /** Hosts of a refused rollout that are down, or on the refused image, and go back to what worked. */
  readonly restores?: readonly string[];
}

export interface PlanRequest {
  readonly hosts: readonly HostFacts[];
  readonly target: Digest;
  readonly rules: RolloutRules;
  readonly rejected?: Rejection;
  /** How many hosts may be worked on at once, whatever the budgets allow; default 10. */
  readonly concurrency?: number;
}

/** What one host needs: a step, to be left for later, or nothing. */
export type Need = { readonly step: Step } | { readonly postponed: Postponed } | undefined;

export const defaultConcurrency = 10;
export const settingsChanged = "settings changed";

export function planRollout(request: PlanRequest): RolloutPlan {
  const { hosts, target, rules, rejected } = request;
  const nothing = { target, rules, waves: [], postponed: [], blocked: [] };
  if (rejected?.digest === target) {
    const restores = hosts.filter((host) => lostItsImage(host, request)).map((host) => host.name);
    return { ...nothing, refused: rejected, restores };
  }
  const sorted = sortHosts(request);
  const waves = arrange(request, sorted).filter((wave) => wave.steps.length > 0);
  const moves = [...sorted.movers, ...sorted.lasts];
  return { target, rules, waves, postponed: sorted.postponed, blocked: blockedHosts({ hosts, rules, sorted, moves }) };
}

/** What was stopped on purpose is left on the image; what is gone is not. */
function lostItsImage(host: HostFacts, { target, rules }: PlanRequest): boolean {
  if (host.rollback === undefined) return false;
  if (host.health === "absent") return true;
  const failed = host.booted === target && host.settled === false && host.health !== "healthy" && host.health !== "unreachable";
  return failed && rules.onFailure !== "stop";
}

/** Shared with the executor, which asks again with fresh facts before it touches a host. */
export function needOf(host: HostFacts, target: Digest): Need {
  const step = (kind: StepKind, reason: string): Need => ({ step: { host: host.name, kind, reason } });
  const later = (reason: string, prepare: boolean): Need => ({ postponed: { host: host.name, reason, prepare } });
  if (host.health === "unreachable") return later("unreachable", false);
  if (host.health === "absent") return step("create", "does not run");
  const onTarget = host.booted === target && host.mustRestart !== true;
  if (onTarget && host.health === "healthy") return undefined;
  if (onTarget && host.health === "unhealthy" && host.settled === true) return later("unhealthy", false);
  if (onTarget) return step("check", `runs ${shortDigest(target)}, not confirmed yet`);
  const reason = moveReason(host, target);
  return host.window === "closed" ? later(`${reason}; its window is closed`, true) : step("swap", reason);
}

/** Runs what an unfinished rollout swapped in, as far as the host can tell. */
export function isUnsettled(host: HostFacts): boolean {
  return host.settled === undefined ? host.rollback !== undefined : !host.settled;
}

function moveReason(host: HostFacts, target: Digest): string {
  if (host.booted === target) return settingsChanged;
  const wants = `wants ${shortDigest(target)}`;
  return host.booted === undefined ? wants : `runs ${shortDigest(host.booted)}, ${wants}`;
}

interface SortedHosts {
  /** Healthy on the target: they went before, in an unfinished rollout. */
  readonly proven: readonly string[];
  /** A rollout of the target ended well: its image needs no canary any more, new settings do. */
  readonly accepted: boolean;
  readonly checks: readonly Step[];
  readonly movers: readonly Step[];
  readonly lasts: readonly Step[];
  readonly downs: readonly Step[];
  readonly postponed: readonly Postponed[];
}

function sortHosts({ hosts, target }: PlanRequest): SortedHosts {
  const proven: string[] = [];
  let accepted = false;
  const [checks, movers, lasts, downs]: [Step[], Step[], Step[], Step[]] = [[], [], [], []];
  const postponed: Postponed[] = [];
  for (const host of hosts) {
    const need = needOf(host, target);
    if (need === undefined && isUnsettled(host)) proven.push(host.name);
    else if (need === undefined) accepted = true;
    else if ("postponed" in need) postponed.push(need.postponed);
    else if (need.step.kind === "check") checks.push(need.step);
    else if (host.health !== "healthy") downs.push(need.step);
    else if (host.last === true) lasts.push(need.step);
    else movers.push(need.step);
  }
  return { proven, accepted, checks, movers, lasts, downs, postponed };
}

function arrange(request: PlanRequest, sorted: SortedHosts): Wave[] {
  const { canaries, early, slots, downFirst } = chooseCanaries(request, sorted);
  const { hosts, rules, concurrency = defaultConcurrency } = request;
  const limit = unavailableLimit(rules.maxUnavailable, hosts.length);
  const wave = (kind: WaveKind, steps: readonly Step[], bakeSeconds = 0): Wave => {
    const costly = kind === "canary" || kind === "slots" || kind === "last";
    return { kind, steps, atOnce: Math.min(costly ? limit : Infinity, concurrency, steps.length), bakeSeconds };
  };
  const { bakeSeconds } = rules;
  return [
    wave("check", early),
    wave("down", downFirst ? sorted.downs : []),
    wave("canary", canaries, bakeSeconds),
    wave("down", downFirst ? [] : sorted.downs),
    wave("slots", slots, canaries.length > 0 ? 0 : bakeSeconds),
    wave("last", sorted.lasts),
  ];
}

interface Canaries {
  readonly canaries: readonly Step[];
  /** What is judged first without being canaries. */
  readonly early: readonly Step[];
  readonly slots: readonly Step[];
  /** No working host may go first, since those that are down hold all slots: these go first, having nothing to lose. */
  readonly downFirst: boolean;
}

/**
 * Hosts that run the target already were the canaries of an interrupted run. As long as there are no more of them than
 * canaries, nobody knows that they were baked: they are again. Where there are more, a run went past its canaries.
 */
function chooseCanaries(request: PlanRequest, sorted: SortedHosts): Canaries {
  const { checks, proven, accepted, movers } = sorted;
  const { canary } = request.rules;
  const ahead = checks.length + proven.length;
  const known = accepted && !movers.some((step) => step.reason === settingsChanged);
  if (known || ahead > canary || movers.length + checks.length === 0) {
    return { canaries: [], early: checks, slots: movers, downFirst: false };
  }
  const again = proven.map((host): Step => ({ host, kind: "check", reason: `runs ${shortDigest(request.target)}, baked again` }));
  const admitted = admittedNow(request, sorted);
  const downFirst = ahead === 0 && admitted.length === 0;
  const fresh = (downFirst ? movers : admitted).slice(0, canary - ahead);
  const chosen = new Set(fresh.map((step) => step.host));
  const slots = movers.filter((step) => !chosen.has(step.host));
  return { canaries: [...checks, ...again, ...fresh], early: [], slots, downFirst };
}

/** Movers that their budgets admit before anybody who is down has been mended. */
function admittedNow({ rules, hosts }: PlanRequest, { checks, movers }: SortedHosts): readonly Step[] {
  const ledger = openLedger(rules, hosts);
  // Canaries of an interrupted run are confirmed first, and hold no slot then.
  for (const step of checks) ledger.record(step.host, false);
  return movers.filter((step) => ledger.refusal(step.host) === undefined);
}

interface BlockedRequest {
  readonly hosts: readonly HostFacts[];
  readonly rules: RolloutRules;
  readonly sorted: SortedHosts;
  readonly moves: readonly Step[];
}

function blockedHosts({ hosts, rules, sorted, moves }: BlockedRequest): string[] {
  if (moves.length === 0) return [];
  const ledger: Ledger = openLedger(rules, hosts);
  for (const step of [...sorted.checks, ...sorted.downs]) ledger.record(step.host, false);
  return moves.filter((step) => ledger.refusal(step.host) !== undefined).map((step) => step.host);
}
