/** Time as a port, so that tests of hours run in milliseconds. */
import { setTimeout as wait } from "node:timers/promises";

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after that long, rejects when the signal is aborted. */
  sleep(seconds: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (seconds, signal) => {
    await wait(seconds * 1000, undefined, { signal });
  },
};
