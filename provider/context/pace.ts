/**
 * Reads files synchronously in short slices: over a warm disk that is several times faster than a thread pool, and
 * between slices the event loop runs, so that Ctrl-C and other resources are served.
 */
import { setImmediate } from "node:timers/promises";
import { cancelled } from "../failure.ts";

const sliceMilliseconds = 10;

export class Pace {
  readonly #signal: AbortSignal;
  #sliceEnds = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Ask between two files; when it says yes, await `rest`. Asking is cheap. */
  isDue(): boolean {
    return performance.now() >= this.#sliceEnds;
  }

  async rest(): Promise<void> {
    if (this.#signal.aborted) throw cancelled("Reading the build context");
    await setImmediate();
    this.#sliceEnds = performance.now() + sliceMilliseconds;
  }
}
