/** The executor: observes, plans, works through the waves, and leaves a consistent report wherever it stops. */
import type { Digest } from "../model/digest.ts";
import { settleConfirmation } from "./attempt.ts";
import { bakeWave, lookAtAll } from "./bake.ts";
import type { HostFacts, Rejection } from "./fleet.ts";
import { needOf, planRollout, type RolloutPlan } from "./plan.ts";
import { inPool } from "./pool.ts";
import { cancelledFailure, refusedFailure, stopFailure } from "./report.ts";
import type { RolloutResult } from "./result.ts";
import { failureOf, Run, type RolloutRequest } from "./run.ts";
import { disarmAll, restoreLost, takeAllBack } from "./take-back.ts";
import { runWave } from "./wave.ts";

/** Remembers nothing of earlier runs. Does not reject: what went wrong is `failure` of the result. */
export async function executeRollout(request: RolloutRequest): Promise<RolloutResult> {
  const run = new Run(request);
  await awaitRestarts(run);
  const plan = planRollout({ ...request, hosts: run.view.all(), concurrency: run.concurrency });
  notePostponed(run, plan);
  await restoreLost(run, plan);
  for (const wave of plan.waves) {
    if (run.stopping) break;
    if (wave.kind === "canary") for (const step of wave.steps) run.canaries.add(step.host);
    await runWave(run, wave);
    await bakeWave(run, wave);
  }
  await finish(run, plan);
  return report(run, plan);
}

/** Somebody else restarts it, or an interrupted run put it back: who it is shows when it is up. */
async function awaitRestarts(run: Run): Promise<void> {
  const onTarget = (host: HostFacts): boolean => host.booted === run.target && host.mustRestart !== true;
  const restarting = run.view.all().filter((host) => host.health === "restarting" && !onTarget(host));
  await inPool(restarting, run.concurrency, async ({ name, booted }) => {
    if (run.signal.aborted || booted === undefined) return;
    run.progress(name, "waiting for the end of its restart");
    await settleConfirmation(run.driver.confirm(name, booted, run.signal));
    await run.view.observe(name);
  });
}

function notePostponed(run: Run, plan: RolloutPlan): void {
  for (const { host, reason } of plan.postponed) run.conclude(host, { kind: "pending", reason });
}

async function finish(run: Run, plan: RolloutPlan): Promise<void> {
  if (run.signal.aborted || plan.refused !== undefined) return;
  if (run.stop === undefined) await lookAtAll(run);
  if (run.stop?.kind === "failures" && run.request.rules.onFailure === "rollbackAll") await takeAllBack(run);
  if (run.signal.aborted) return;
  await run.view.refresh(0);
  if (run.failures.length > 0) await disarmAll(run);
  if (run.stop === undefined) await settleAll(run, plan);
}

/** As long as hosts wait for their windows the group is not done, and all of it can still go back. */
async function settleAll(run: Run, plan: RolloutPlan): Promise<void> {
  const waiting = plan.postponed.filter((one) => one.prepare).map((one) => one.host);
  await inPool(waiting, run.concurrency, async (host) => {
    const failure = await failureOf(run.driver.prepare(host, run.target, run.signal));
    if (failure !== undefined) run.remarks.push(`${host} could not be prepared: ${failure.message}`);
  });
  if (waiting.length > 0) return;
  const done = run.view.all().filter((host) => host.settled !== true && isDone(run, host));
  await inPool(done, run.concurrency, async ({ name }) => {
    const failure = await failureOf(run.driver.settle(name, run.signal));
    if (failure !== undefined) run.remarks.push(`${name} keeps what it ran before: ${failure.message}`);
  });
}

/** Who is not well keeps the way back: settling would take it away. */
function isDone({ target, outcomes }: Run, { name, booted, health }: HostFacts): boolean {
  return booted === target && (health === "healthy" || outcomes.get(name)?.kind === "still-unhealthy");
}

function report(run: Run, plan: RolloutPlan): RolloutResult {
  const hosts = run.view.all();
  const pending = hosts.filter((host) => needOf(host, run.target) !== undefined).map((host) => host.name);
  const rejection = rejectionOf(run);
  const failure = failureOfRun(run, plan);
  return {
    target: run.target,
    plan,
    outcomes: run.outcomes,
    booted: bootedImages(run, hosts),
    hosts,
    pending,
    remarks: run.remarks,
    ...(rejection === undefined ? {} : { rejection }),
    ...(failure === undefined ? {} : { failure }),
  };
}

function failureOfRun(run: Run, plan: RolloutPlan): RolloutResult["failure"] {
  if (plan.refused !== undefined) return refusedFailure(run, plan.refused);
  if (run.signal.aborted) return cancelledFailure(run);
  return run.stop === undefined ? undefined : stopFailure(run, run.stop);
}

/** A rollout that stopped because hosts were unhealthy on the image; what stayed within the failure budget does not condemn it. */
function rejectionOf({ stop, failures, target, request }: Run): Rejection | undefined {
  const cause = failures.find((failure) => failure.rejects);
  if (stop?.kind !== "failures" || cause === undefined) return undefined;
  const { message } = cause.reason;
  const reason = message.includes(cause.host) ? message : `${cause.host}: ${message}`;
  return { digest: target, at: new Date(request.clock.now()).toISOString(), reason };
}

/** Literal truth: nothing is said of a host in whose middle the run was stopped. */
function bootedImages(run: Run, hosts: readonly HostFacts[]): Readonly<Record<string, Digest>> {
  const known = hosts.filter((host) => run.outcomes.get(host.name)?.kind !== "interrupted");
  return Object.fromEntries(known.flatMap(({ name, booted }) => (booted === undefined ? [] : [[name, booted]])));
}
