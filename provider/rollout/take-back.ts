/** The end of a rollout that stopped: all hosts taken back where that was asked for, and none left armed with the failed image. */
import type { Failure } from "../failure.ts";
import { shortDigest, type Digest } from "../model/digest.ts";
import { noRoom, returnFailure, settleConfirmation } from "./attempt.ts";
import type { HostFacts } from "./fleet.ts";
import { isUnsettled, type RolloutPlan } from "./plan.ts";
import { inPool } from "./pool.ts";
import { boundNames } from "./render.ts";
import type { Run } from "./run.ts";

/** In reverse order, one by one, within the budgets; the first that cannot go back stops it. Data in /var stays as it is. */
export async function takeAllBack(run: Run): Promise<void> {
  await run.view.refresh(0);
  const moved = movedHosts(run);
  const lost = moved.filter((host) => host.rollback === undefined).map((host) => host.name);
  if (lost.length > 0) {
    run.remarks.push(`rollbackAll was not begun, since the old image is gone from ${boundNames(lost)}`);
    return;
  }
  for (const { name, rollback } of moved) {
    if (run.signal.aborted || rollback === undefined) return;
    const failure = await takeBack(run, name, rollback);
    if (failure === undefined) continue;
    run.remarks.push(`rollbackAll stopped at ${name}: ${failure.message}`);
    return;
  }
}

/** Everybody on the target whom this rollout moved, in this run or in an interrupted one; those that ran nothing before stay. */
function movedHosts(run: Run): HostFacts[] {
  const order = [...run.attempts.keys()];
  const rank = new Map(order.map((host, index) => [host, index]));
  const moved = run.view.all().filter((host) => host.booted === run.target && isUnsettled(host) && !isNew(run, host));
  return moved.sort((a, b) => (rank.get(b.name) ?? -1) - (rank.get(a.name) ?? -1));
}

function isNew(run: Run, host: HostFacts): boolean {
  const attempt = run.attempts.get(host.name);
  return host.rollback === undefined && (attempt === undefined || (attempt.before.booted ?? attempt.before.rollback) === undefined);
}

async function takeBack(run: Run, host: string, to: Digest): Promise<Failure | undefined> {
  await run.view.refresh(run.request.freshSeconds ?? 30);
  const refusal = run.view.refusal(host);
  if (refusal !== undefined) return noRoom(refusal);
  run.view.take(host);
  run.progress(host, `taking back to ${shortDigest(to)}`);
  const back = await settleConfirmation(run.driver.rollBack(host, to, run.signal));
  run.view.release(host);
  if (run.signal.aborted && back.kind !== "confirmed") {
    run.conclude(host, { kind: "interrupted" });
    return undefined;
  }
  await run.view.observe(host);
  return concludeTakeBack(run, { host, to, failure: returnFailure(back, run.attempts.get(host)?.before) });
}

interface TakenBack {
  readonly host: string;
  readonly to: Digest;
  readonly failure: Failure | undefined;
}

function concludeTakeBack(run: Run, { host, to, failure }: TakenBack): Failure | undefined {
  const known = run.outcomes.get(host);
  const reason = known?.kind === "failed" ? known.reason : undefined;
  if (failure !== undefined) run.conclude(host, { kind: "failed", reason: reason ?? failure, rollback: failure });
  else run.conclude(host, reason === undefined ? { kind: "taken-back", to } : { kind: "put-back", to, reason });
  return failure;
}

/** A refused image moves nobody on; who died meanwhile is started on what worked. They are down: it costs no availability. */
export async function restoreLost(run: Run, { restores = [] }: RolloutPlan): Promise<void> {
  await inPool(restores, run.concurrency, async (host) => {
    const before = await run.view.observe(host);
    if (run.signal.aborted || before.rollback === undefined || before.health === "healthy") return;
    const to = before.rollback;
    run.view.take(host);
    run.progress(host, `back to ${shortDigest(to)}`);
    const back = await settleConfirmation(run.driver.rollBack(host, to, run.signal));
    run.view.release(host);
    if (run.signal.aborted && back.kind !== "confirmed") return run.conclude(host, { kind: "interrupted" });
    await run.view.observe(host);
    if (back.kind === "confirmed") run.conclude(host, { kind: "restored", to });
    else run.conclude(host, { kind: "failed", reason: back.reason, rollback: back.reason });
  });
}

/** A host that would boot the failed image at its next restart, whoever restarts it, is told not to. */
export async function disarmAll(run: Run): Promise<void> {
  const armed = run.view.all().filter((host) => host.staged === run.target && (host.booted !== run.target || host.mustRestart === true));
  await inPool(armed, run.concurrency, async ({ name, booted }) => {
    if (run.signal.aborted || booted === undefined) return;
    run.progress(name, "disarming");
    const disarmed = await settleConfirmation(run.driver.rollBack(name, booted, run.signal));
    const { staged } = await run.view.observe(name);
    if (disarmed.kind === "confirmed" && staged === undefined) return;
    run.remarks.push(`${name} may still start ${shortDigest(run.target)} at its next restart`);
  });
}
