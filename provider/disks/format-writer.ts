/** What a format is: a file extension, and a way to write a raw disk in it. */
import type { CachedDisk, OnProgress } from "../resources/ports.ts";
import type { PassTarget } from "./disk-pass-thread.ts";
import type { DiskPrograms } from "./programs.ts";

export interface FormatWriting {
  readonly disk: CachedDisk;
  /** An empty file with the right mode, to be filled. */
  readonly path: string;
  /** The name that the file will have. */
  readonly fileName: string;
  readonly programs: DiskPrograms;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

interface Format {
  /** With its dot. */
  readonly extension: string;
  /** Grows when the same disk would be written as other bytes: files of older versions are then written again. */
  readonly version: number;
}

/** Written in one pass over the disk, with others where several are asked for. */
export interface PassFormat extends Format {
  target(disk: Pick<CachedDisk, "identity" | "sizeBytes">): Omit<PassTarget, "descriptor">;
}

/** Written by another program, from the raw disk. */
export interface ConvertedFormat extends Format {
  write(writing: FormatWriting): Promise<void>;
}

export type FormatWriter = PassFormat | ConvertedFormat;
