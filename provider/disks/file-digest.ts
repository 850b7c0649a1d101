/** SHA-256 of a file's bytes. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { cancelled } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import type { OnProgress } from "../resources/ports.ts";

export interface Digesting {
  readonly phase: string;
  readonly totalBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

export async function digestFile(path: string, { phase, totalBytes, signal, onProgress }: Digesting): Promise<Digest> {
  const hash = createHash("sha256");
  let doneBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 ** 2 }) as AsyncIterable<Buffer>) {
    if (signal.aborted) throw cancelled("Reading the disk back");
    hash.update(chunk);
    doneBytes += chunk.length;
    onProgress({ phase, doneBytes, totalBytes });
  }
  return `sha256:${hash.digest("hex")}`;
}
