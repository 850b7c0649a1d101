/** Waiting that Ctrl-C ends at once. */
import { setTimeout as sleep } from "node:timers/promises";
import { cancelled } from "../failure.ts";

/** Throws the Failure `cancelled` when the signal comes first. */
export async function pause(milliseconds: number, signal: AbortSignal, what: string): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch {
    throw cancelled(what);
  }
}

export function stopIfAborted(signal: AbortSignal, what: string): void {
  if (signal.aborted) throw cancelled(what);
}

export interface Wait {
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly what: string;
}

/** Asks every 100 ms until the answer is true; false when the time is over. */
export async function waitUntil(isTrue: () => Promise<boolean>, { seconds, signal, what }: Wait): Promise<boolean> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    if (await isTrue()) return true;
    if (performance.now() >= deadline) return false;
    await pause(100, signal, what);
  }
}
