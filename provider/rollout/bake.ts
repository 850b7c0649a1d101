/** After a wave: its hosts are watched for a while, and looked at again before anybody follows them. */
import { Failure } from "../failure.ts";
import { shortDigest, type Digest } from "../model/digest.ts";
import { judge, settleConfirmation } from "./attempt.ts";
import type { Wave } from "./plan.ts";
import { inPool } from "./pool.ts";
import { boundNames } from "./render.ts";
import { failureOf, type Run } from "./run.ts";

export async function bakeWave(run: Run, wave: Wave): Promise<void> {
  const confirmed = wave.steps.map((step) => step.host).filter((host) => run.outcomes.get(host)?.kind === "confirmed");
  if (run.stopping || confirmed.length === 0) return;
  if (wave.bakeSeconds > 0) {
    run.request.onProgress(`watching ${boundNames(confirmed)} for ${wave.bakeSeconds} s`);
    await failureOf(run.request.clock.sleep(wave.bakeSeconds, run.signal));
  }
  await inPool(confirmed, run.concurrency, async (host) => {
    if (!run.signal.aborted) await lookAgain(run, host);
  });
}

/** Before the way back is given up: hosts of earlier waves may have failed while others were swapped. */
export async function lookAtAll(run: Run): Promise<void> {
  await run.view.refresh(0);
  const confirmed = run.view.all().filter((host) => host.health !== "healthy" && run.outcomes.get(host.name)?.kind === "confirmed");
  await inPool(confirmed, run.concurrency, async ({ name }) => {
    if (!run.signal.aborted) await lookAgain(run, name);
  });
}

/** One look is not enough to condemn a host: the driver gets its whole time to confirm it. */
async function lookAgain(run: Run, host: string): Promise<void> {
  const { health, booted } = await run.view.observe(host);
  const attempt = run.attempts.get(host);
  if (attempt === undefined || run.signal.aborted || (health === "healthy" && booted === run.target)) return;
  if (health === "healthy" && booted !== undefined) return reportForeigner(run, host, booted);
  const confirmation = await settleConfirmation(run.driver.confirm(host, run.target, run.signal));
  if (run.signal.aborted) return;
  if (confirmation.kind !== "confirmed") await judge({ run, ...attempt, confirmation });
  await run.view.observe(host);
}

/** It works, so it is left alone; but it is not ours to say what it runs. */
function reportForeigner(run: Run, host: string, booted: Digest): void {
  const message = `${host} was confirmed on ${shortDigest(run.target)} and now runs ${shortDigest(booted)}: something else moved it.`;
  const reason = new Failure({ kind: "remote", message, fix: `find out what moves ${host}, then run pulumi up again.` });
  run.conclude(host, { kind: "failed", reason });
  run.fail({ host, reason, rejects: false });
}
