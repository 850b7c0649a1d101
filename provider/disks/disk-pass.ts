/**
 * One pass over a disk, from its first byte to its last: takes extents or a raw disk, writes any number of files of it, and
 * hashes all on the way, so that nothing is read back. One thread reads and writes, another hashes (disk-pass-thread.ts,
 * disk-hash-thread.ts).
 */
import { Worker } from "node:worker_threads";
import { cancelled } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import type { DiskExtent } from "../model/disk-extent.ts";
import type { OnProgress } from "../resources/ports.ts";
import type { HashThreadInput, HashThreadMessage } from "./disk-hash-thread.ts";
import type { PassTarget, PassThreadInput, PassThreadMessage } from "./disk-pass-thread.ts";
import { hashRing } from "./hash-ring.ts";
import type { Spool } from "./spool.ts";

/** `at` counts from the start of the disk; no extent overlaps another. */
export interface SpooledDisk {
  readonly extents: readonly DiskExtent[];
  readonly spool: Spool;
}

export interface DiskPass {
  /** Or the descriptor of a raw disk. */
  readonly source: SpooledDisk | number;
  readonly sizeBytes: number;
  readonly targets: readonly PassTarget[];
  /** For progress: what is done. */
  readonly phase: string;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

export interface PassResult {
  /** Of the disk's bytes. */
  readonly digest: Digest;
  /** Of each target's file. */
  readonly digests: readonly Digest[];
}

export async function passOver({ source, sizeBytes, targets, phase, signal, onProgress }: DiskPass): Promise<PassResult> {
  onProgress({ phase, doneBytes: 0, totalBytes: sizeBytes });
  const ring = hashRing();
  const from = typeof source === "number" ? { disk: source } : { spool: source.spool.descriptor, extents: await spooled(source) };
  const hashing = startThread<HashThreadMessage>("disk-hash-thread", { ring, tails: targets.map(({ tail }) => tail ?? nothing) });
  const writing = startThread<PassThreadMessage>("disk-pass-thread", { source: from, sizeBytes, targets, ring });
  const stop = (): void => {
    for (const { thread } of [writing, hashing]) void thread.terminate();
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) throw cancelled("Making the disk");
    const hashed = hashing.last((message) => message);
    // Awaited below; without this a failure while the other is awaited would end the process.
    hashed.catch(() => undefined);
    const own = await writing.last(({ doneBytes, digests }) => {
      onProgress({ phase, doneBytes, totalBytes: sizeBytes });
      return digests;
    });
    const { digest, withTails } = await hashed;
    return { digest: digest as Digest, digests: own.map((one, index) => (one ?? withTails[index]) as Digest) };
  } catch (error) {
    throw signal.aborted ? cancelled("Making the disk") : error;
  } finally {
    signal.removeEventListener("abort", stop);
    await Promise.all([writing.thread.terminate(), hashing.thread.terminate()]);
  }
}

const nothing = new Uint8Array();

interface RunningThread<Message> {
  readonly thread: Worker;
  /** Resolves with the first value that a message has. */
  last<T>(valueOf: (message: Message) => T | undefined): Promise<T>;
}

/** From source as from what was compiled. */
function startThread<Message>(name: string, workerData: PassThreadInput | HashThreadInput): RunningThread<Message> {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const thread = new Worker(new URL(`./${name}${extension}`, import.meta.url), { workerData });
  return {
    thread,
    last: (valueOf) =>
      new Promise((resolve, reject) => {
        thread.on("message", (message: Message) => {
          const value = valueOf(message);
          if (value !== undefined) resolve(value);
        });
        thread.on("error", reject);
        thread.on("exit", () => reject(new Error("A thread that writes a disk ended before its time.")));
      }),
  };
}

/** What is in memory joins the spool, so that a thread needs but three numbers for each extent. */
async function spooled({ extents, spool }: SpooledDisk): Promise<Float64Array> {
  const sorted = [...extents].sort((a, b) => a.at - b.at);
  const numbers = new Float64Array(sorted.length * 3);
  let next = 0;
  for (const extent of sorted) {
    const from = "bytes" in extent ? await addTo(spool, extent.bytes) : extent.from;
    const length = "bytes" in extent ? extent.bytes.length : extent.length;
    numbers.set([extent.at, length, from], next);
    next += 3;
  }
  await spool.settle();
  return numbers;
}

async function addTo(spool: Spool, bytes: Uint8Array): Promise<number> {
  const { pieces } = await spool.add(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return pieces[0]?.from ?? 0;
}
