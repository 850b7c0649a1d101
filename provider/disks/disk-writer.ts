/**
 * Puts extents on a disk from its first byte to its last, and hashes them on the way: nothing is read back. Reading and
 * writing is done by one thread, hashing by another (disk-writer-thread.ts, disk-hash-thread.ts).
 */
import { Worker } from "node:worker_threads";
import { cancelled } from "../failure.ts";
import { isDigest, type Digest } from "../model/digest.ts";
import type { DiskExtent } from "../model/disk-extent.ts";
import type { OnProgress } from "../resources/ports.ts";
import type { DiskThreadInput, DiskThreadMessage } from "./disk-writer-thread.ts";
import { hashRing, type HashRing } from "./hash-ring.ts";
import type { Spool } from "./spool.ts";

export interface DiskWriting {
  /** Of a file that holds nothing but zeros, and is as long as the disk. */
  readonly descriptor: number;
  readonly sizeBytes: number;
  /** `at` counts from the start of the disk; none overlaps another. */
  readonly extents: readonly DiskExtent[];
  readonly spool: Spool;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** Answers the digest of the disk's bytes. */
export async function writeDisk({ descriptor, sizeBytes, extents, spool, signal, onProgress }: DiskWriting): Promise<Digest> {
  onProgress({ phase: "writing the disk", doneBytes: 0, totalBytes: sizeBytes });
  const input: DiskThreadInput = {
    disk: descriptor,
    sizeBytes,
    spool: spool.descriptor,
    extents: await spooled(extents, spool),
    ring: hashRing(),
  };
  const hashing = startThread("disk-hash-thread", input.ring);
  const writing = startThread("disk-writer-thread", input);
  const stop = (): void => {
    for (const thread of [writing, hashing]) void thread.terminate();
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) throw cancelled("Making the disk");
    const digest = finished(hashing, (message) =>
      typeof message.digest === "string" && isDigest(message.digest) ? message.digest : undefined,
    );
    // Awaited below; without this a failure while the other is awaited would end the process.
    digest.catch(() => undefined);
    await finished(writing, ({ doneBytes }) => {
      if (doneBytes !== undefined) onProgress({ phase: "writing the disk", doneBytes, totalBytes: sizeBytes });
      return doneBytes === sizeBytes ? true : undefined;
    });
    return await digest;
  } catch (error) {
    throw signal.aborted ? cancelled("Making the disk") : error;
  } finally {
    signal.removeEventListener("abort", stop);
    await Promise.all([writing.terminate(), hashing.terminate()]);
  }
}

/** From source as in what was compiled. */
function startThread(name: string, workerData: DiskThreadInput | HashRing): Worker {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  return new Worker(new URL(`./${name}${extension}`, import.meta.url), { workerData });
}

/** Resolves with the first message's value that is one. */
function finished<T>(thread: Worker, valueOf: (message: DiskThreadMessage) => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    thread.on("message", (message: DiskThreadMessage) => {
      const value = valueOf(message);
      if (value !== undefined) resolve(value);
    });
    thread.on("error", reject);
    thread.on("exit", () => reject(new Error("A thread that writes the disk ended before its time.")));
  });
}

/** Three numbers for each extent, in order of place: at, length, and where in the spool. */
async function spooled(extents: readonly DiskExtent[], spool: Spool): Promise<Float64Array> {
  const sorted = [...extents].sort((a, b) => a.at - b.at);
  const numbers = new Float64Array(sorted.length * 3);
  let next = 0;
  for (const extent of sorted) {
    const { at } = extent;
    const from = "bytes" in extent ? await addTo(spool, extent.bytes) : extent.from;
    const length = "bytes" in extent ? extent.bytes.length : extent.length;
    numbers.set([at, length, from], next);
    next += 3;
  }
  await spool.settle();
  return numbers;
}

async function addTo(spool: Spool, bytes: Uint8Array): Promise<number> {
  const { pieces } = await spool.add(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return pieces[0]?.from ?? 0;
}
