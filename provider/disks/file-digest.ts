/** SHA-256 of a file's bytes. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { cancelled } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import type { OnProgress } from "../resources/ports.ts";

export interface Digesting {
  readonly phase: string;
  readonly totalBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

const chunkBytes = 1024 ** 2;

/** Two buffers take turns: one is filled while the other is hashed. A stream would make a new one for each chunk. */
export async function digestFile(path: string, { phase, totalBytes, signal, onProgress }: Digesting): Promise<Digest> {
  const hash = createHash("sha256");
  await using file = await open(path, "r");
  let filled = Buffer.alloc(chunkBytes);
  let free = Buffer.alloc(chunkBytes);
  let doneBytes = 0;
  for (let length = (await file.read(filled, 0, chunkBytes, 0)).bytesRead; length > 0;) {
    if (signal.aborted) throw cancelled("Reading the disk back");
    const next = file.read(free, 0, chunkBytes, doneBytes + length);
    hash.update(filled.subarray(0, length));
    doneBytes += length;
    onProgress({ phase, doneBytes, totalBytes });
    [filled, free] = [free, filled];
    length = (await next).bytesRead;
  }
  return `sha256:${hash.digest("hex")}`;
}
