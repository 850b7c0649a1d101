/** Writes what was planned for a disk, and with it the files of other formats that were asked for. */
import type { Digest } from "../model/digest.ts";
import type { DiskExtent } from "../model/disk-extent.ts";
import type { OnProgress } from "../resources/ports.ts";
import { passOver } from "./disk-pass.ts";
import type { FilesAlongside } from "./files-alongside.ts";
import type { Spool } from "./spool.ts";

export interface DiskWriting {
  /** Of an empty file, open for writing. */
  readonly descriptor: number;
  readonly sizeBytes: number;
  /** `at` counts from the start of the disk; none overlaps another. */
  readonly extents: readonly DiskExtent[];
  readonly spool: Spool;
  readonly alongside?: FilesAlongside | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** Answers the digest of the disk's bytes. */
export async function writeDisk(writing: DiskWriting): Promise<Digest> {
  const { descriptor, sizeBytes, extents, spool, alongside, signal, onProgress } = writing;
  const others = (await alongside?.open(sizeBytes)) ?? [];
  const { digest, digests } = await passOver({
    source: { extents, spool },
    sizeBytes,
    targets: [{ format: "raw", descriptor }, ...others],
    phase: "writing the disk",
    signal,
    onProgress,
  });
  await alongside?.complete(digests.slice(1));
  return digest;
}
