/** A thread that hashes the windows of a ring in their order. */
import { createHash } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { RingEnd, windowBytes, windowStates, type HashRing } from "./hash-ring.ts";

const ring = new RingEnd(workerData as HashRing);
const hash = createHash("sha256");
const zeros = Buffer.alloc(windowBytes);

for (;;) {
  const { state, bytes } = ring.toTake();
  if (state === windowStates.end) break;
  hash.update(state === windowStates.zeros ? zeros.subarray(0, bytes.length) : bytes);
  ring.taken();
}
parentPort?.postMessage({ digest: `sha256:${hash.digest("hex")}` });
