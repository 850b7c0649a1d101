/** One host: swapped, confirmed, and put back when it did not come up. Never rejects: what happens becomes an outcome. */
import { asFailure, Failure } from "../failure.ts";
import { shortDigest, type Digest } from "../model/digest.ts";
import type { Refusal } from "./budget.ts";
import type { Confirmation } from "./driver.ts";
import type { HostFacts } from "./fleet.ts";
import type { StepKind } from "./plan.ts";
import { failureOf, type Attempt, type Run } from "./run.ts";

type Unconfirmed = Exclude<Confirmation, { kind: "confirmed" }>;

export async function attempt(run: Run, kind: StepKind, before: HostFacts): Promise<void> {
  const host = before.name;
  run.attempts.set(host, { kind, before });
  const confirmation = await swapAndConfirm(run, kind, before);
  if (confirmation.kind === "confirmed") {
    run.progress(host, `runs ${shortDigest(run.target)} and is healthy`);
    run.view.learn({ ...run.view.get(host), booted: run.target, health: "healthy" });
    run.conclude(host, { kind: "confirmed" });
  } else if (run.signal.aborted) run.conclude(host, { kind: "interrupted" });
  else await judge({ run, kind, before, confirmation });
  if (!run.signal.aborted) await run.view.observe(host);
}

async function swapAndConfirm(run: Run, kind: StepKind, { name: host }: HostFacts): Promise<Confirmation> {
  const { driver, target, signal } = run;
  if (kind !== "check") {
    run.progress(host, kind === "create" ? `starting on ${shortDigest(target)}` : `restarting into ${shortDigest(target)}`);
    const failure = await failureOf(driver.swap(host, target, signal));
    if (failure !== undefined) return { kind: "unconfirmed", reason: failure };
  }
  run.progress(host, "waiting until it is healthy");
  return settleConfirmation(driver.confirm(host, target, signal));
}

/** A driver that throws did not confirm. */
export async function settleConfirmation(confirming: Promise<Confirmation>): Promise<Confirmation> {
  try {
    return await confirming;
  } catch (thrown) {
    return { kind: "unconfirmed", reason: asFailure(thrown) };
  }
}

export interface Judgement extends Attempt {
  readonly run: Run;
  readonly confirmation: Unconfirmed;
}

/** A host that is down after our restart failed, unless it was just as unhealthy before. */
export async function judge({ run, kind, before, confirmation }: Judgement): Promise<void> {
  const { reason } = confirmation;
  if (confirmation.kind === "unhealthy" && wasUnhealthy(kind, before)) {
    run.conclude(before.name, { kind: "still-unhealthy", reason });
    run.remarks.push(`${before.name} was unhealthy before and still is: ${reason.message}`);
    return;
  }
  // A host that ran the target before says nothing about the image.
  const rejects = confirmation.kind === "unhealthy" && (kind === "check" || lastImage(before) !== run.target);
  run.fail({ host: before.name, reason, rejects });
  const to = await wayBack(run, kind, before);
  if (run.request.rules.onFailure === "stop" || to === undefined) run.conclude(before.name, { kind: "failed", reason });
  else await putBack({ run, before, to, reason });
}

function wasUnhealthy(kind: StepKind, { health, settled }: HostFacts): boolean {
  const down = health === "unhealthy" || health === "restarting";
  // What an unfinished rollout left unhealthy became so after our restart.
  return down && (kind === "swap" ? settled !== false : kind === "check" && settled === true);
}

/** What the host ran, or had run when it ended. */
function lastImage({ booted, rollback }: HostFacts): Digest | undefined {
  return booted ?? rollback;
}

/** What the host goes back to; undefined when it ran nothing else. */
async function wayBack(run: Run, kind: StepKind, before: HostFacts): Promise<Digest | undefined> {
  if (kind === "check") return before.rollback;
  const last = lastImage(before);
  if (kind === "create") return last === run.target ? undefined : last;
  if (before.settled !== false) return last;
  // What an unfinished rollout had swapped in was never confirmed: its driver may keep what ran before that instead.
  const { booted, rollback = before.rollback } = await run.view.observe(before.name);
  return booted === last && last !== run.target ? last : rollback;
}

interface PutBack {
  readonly run: Run;
  readonly before: HostFacts;
  readonly to: Digest;
  readonly reason: Failure;
}

async function putBack(request: PutBack): Promise<void> {
  const { run, before, reason } = request;
  const { view } = run;
  if (view.holds(before.name)) return rollBack(request);
  // Condemned while it answered: taking it down again needs a slot like any restart.
  await view.observe(before.name);
  const refusal = view.refusal(before.name);
  if (refusal !== undefined) {
    run.stop ??= { kind: "failures" };
    return run.conclude(before.name, { kind: "failed", reason, rollback: noRoom(refusal) });
  }
  view.take(before.name);
  await rollBack(request);
  view.release(before.name);
}

export function noRoom({ limit, unavailable, group }: Refusal): Failure {
  const where = group === undefined ? "" : ` (${group})`;
  const down = `${unavailable} ${unavailable === 1 ? "is" : "are"}`;
  return new Failure({ kind: "remote", message: `at most ${limit}${where} may be unavailable, and ${down} already.` });
}

async function rollBack({ run, before, to, reason }: PutBack): Promise<void> {
  const host = before.name;
  run.progress(host, `putting back on ${shortDigest(to)}`);
  const back = await settleConfirmation(run.driver.rollBack(host, to, run.signal));
  if (run.signal.aborted && back.kind !== "confirmed") return run.conclude(host, { kind: "interrupted" });
  const rollback = returnFailure(back, before);
  if (rollback === undefined) return run.conclude(host, { kind: "put-back", to, reason });
  run.stop ??= { kind: "failures" };
  run.conclude(host, { kind: "failed", reason, rollback });
}

/** Why a host is not back; undefined when it is. One that was unhealthy before may be so again. */
export function returnFailure(back: Confirmation, before: HostFacts | undefined): Failure | undefined {
  const asBefore = back.kind === "confirmed" || (back.kind === "unhealthy" && before?.health === "unhealthy");
  return asBefore ? undefined : back.reason;
}
