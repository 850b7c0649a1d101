/** How long and how often a registry is asked: bounded retries of troubles that pass. */
import { setTimeout as sleep } from "node:timers/promises";
import { isTrouble, throwIfCancelled, type Task, type Trouble } from "./trouble.ts";

export interface Patience {
  readonly attempts: number;
  /** Doubles with each attempt, and is spread by half so that many clients do not come back together. */
  readonly firstDelaySeconds: number;
  /** For one question with all its retries; transfers of blobs are bounded by silence and attempts instead. */
  readonly totalSeconds: number;
  readonly connectSeconds: number;
  readonly silenceSeconds: number;
}

export const defaultPatience: Patience = {
  attempts: 4,
  firstDelaySeconds: 0.5,
  totalSeconds: 90,
  connectSeconds: 15,
  silenceSeconds: 60,
};

function delaySeconds(trouble: Trouble, attempt: number, patience: Patience): number {
  const own = patience.firstDelaySeconds * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
  return Math.max(own, trouble.retryAfterSeconds ?? 0);
}

function tooSlow(seconds: number): Trouble {
  return {
    trouble: "timeout",
    passing: true,
    reason: `the registry did not answer within ${seconds} s`,
    fix: "look whether the registry is overloaded or far away.",
  };
}

/** A wait that the registry asks for and nobody wants to sit through is told at once. */
function tooLong(trouble: Trouble, waitSeconds: number): Trouble {
  return trouble.retryAfterSeconds === undefined
    ? trouble
    : { ...trouble, reason: `${trouble.reason} and asks to come back in ${Math.ceil(waitSeconds)} s` };
}

function afterAttempts(trouble: Trouble, count: number): Trouble {
  return count === 1 ? trouble : { ...trouble, reason: `${trouble.reason}, in ${count} attempts` };
}

/**
 * Runs `attempt` until it brings something else than a passing trouble. `totalSeconds` Infinity: only the attempts are
 * bounded. The signal given to `attempt` ends with the task or with the time.
 */
export async function persist<T extends object>(
  task: Task,
  patience: Patience,
  attempt: (signal: AbortSignal) => Promise<T | Trouble>,
): Promise<T | Trouble> {
  const totalSeconds = Math.min(task.timeoutSeconds ?? Infinity, patience.totalSeconds);
  const until = performance.now() + totalSeconds * 1000;
  const deadline = Number.isFinite(totalSeconds) ? AbortSignal.timeout(totalSeconds * 1000) : undefined;
  const signal = deadline === undefined ? task.signal : AbortSignal.any([task.signal, deadline]);
  let last: Trouble | undefined;
  for (let count = 1; ; count += 1) {
    const outcome = await attempt(signal);
    throwIfCancelled(task);
    if (!isTrouble(outcome)) return outcome;
    if (deadline?.aborted === true) return last ?? tooSlow(totalSeconds);
    if (!outcome.passing || count >= patience.attempts) return afterAttempts(outcome, count);
    last = outcome;
    const waitSeconds = delaySeconds(outcome, count, patience);
    if (performance.now() + waitSeconds * 1000 > until) return tooLong(outcome, waitSeconds);
    await sleep(waitSeconds * 1000, undefined, { signal }).catch(() => undefined);
    throwIfCancelled(task);
  }
}
