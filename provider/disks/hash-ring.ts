/** A ring of windows that one thread fills and another hashes, in shared memory. */

export const windowBytes = 4 * 1024 ** 2;
const windows = 4;

/** Of a window; `length` bytes of it count. */
export const windowStates = { free: 0, bytes: 1, zeros: 2, end: 3 } as const;

export interface HashRing {
  readonly bytes: SharedArrayBuffer;
  /** For each window its state and its length, as 32-bit numbers. */
  readonly control: SharedArrayBuffer;
}

export function hashRing(): HashRing {
  return { bytes: new SharedArrayBuffer(windows * windowBytes), control: new SharedArrayBuffer(windows * 8) };
}

export class RingEnd {
  readonly #control: Int32Array;
  readonly #bytes: SharedArrayBuffer;
  #next = 0;

  constructor(ring: HashRing) {
    this.#control = new Int32Array(ring.control);
    this.#bytes = ring.bytes;
  }

  /** Waits until the window is free; its old bytes are still in it. */
  toFill(): Buffer {
    for (;;) {
      const state = Atomics.load(this.#control, this.#next * 2);
      if (state === windowStates.free) return this.#window(windowBytes);
      Atomics.wait(this.#control, this.#next * 2, state);
    }
  }

  filled(state: number, length: number): void {
    Atomics.store(this.#control, this.#next * 2 + 1, length);
    this.#pass(state);
  }

  toTake(): { readonly state: number; readonly bytes: Buffer } {
    Atomics.wait(this.#control, this.#next * 2, windowStates.free);
    const state = Atomics.load(this.#control, this.#next * 2);
    return { state, bytes: this.#window(Atomics.load(this.#control, this.#next * 2 + 1)) };
  }

  taken(): void {
    this.#pass(windowStates.free);
  }

  #window(length: number): Buffer {
    return Buffer.from(this.#bytes, this.#next * windowBytes, length);
  }

  #pass(state: number): void {
    Atomics.store(this.#control, this.#next * 2, state);
    Atomics.notify(this.#control, this.#next * 2);
    this.#next = (this.#next + 1) % windows;
  }
}
