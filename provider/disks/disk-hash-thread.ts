/** A thread that hashes the windows of a ring in their order; and what the whole would be with each of the tails behind it. */
import { createHash } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { RingEnd, windowBytes, windowStates, type HashRing } from "./hash-ring.ts";

export interface HashThreadInput {
  readonly ring: HashRing;
  readonly tails: readonly Uint8Array[];
}

export interface HashThreadMessage {
  /** Of the windows. */
  readonly digest: string;
  /** One for each tail. */
  readonly withTails: readonly string[];
}

const input = workerData as HashThreadInput;
const ring = new RingEnd(input.ring);
const hash = createHash("sha256");
const zeros = Buffer.alloc(windowBytes);

for (;;) {
  const { state, bytes } = ring.toTake();
  if (state === windowStates.end) break;
  hash.update(state === windowStates.zeros ? zeros.subarray(0, bytes.length) : bytes);
  ring.taken();
}
const withTails = input.tails.map((tail) => `sha256:${hash.copy().update(tail).digest("hex")}`);
parentPort?.postMessage({ digest: `sha256:${hash.digest("hex")}`, withTails } satisfies HashThreadMessage);
