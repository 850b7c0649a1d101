/** Says plainly that a disk of this computer ran full, whichever program met it. */
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { Failure } from "../failure.ts";
import { formatByteSize } from "../model/byte-size.ts";

/** Programs say it in words of their own; less than this left is what they mean. */
const fullBytes = 4 * 1024 ** 2;

/** The failure to throw instead of `error`: a clear one when there is no room left in the folder, else the same. */
export async function reportDiskFull(error: unknown, directory: string, remedy: string): Promise<unknown> {
  const ours = ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException | null)?.code ?? "");
  const theirs = error instanceof Failure && error.kind === "tool" && (await freeBytes(directory)) < fullBytes;
  if (!ours && !theirs) return error;
  return new Failure({
    kind: "environment",
    code: "disk-full",
    message: `There was no room left in ${directory} while the disk was being written. Nothing was left behind.`,
    fix: `free some room there, or ${remedy}.`,
    cause: error,
  });
}

/** Refuses before the disk is written when it cannot fit. */
export async function checkRoom(directory: string, neededBytes: number): Promise<void> {
  const free = await freeBytes(directory);
  if (free >= neededBytes) return;
  throw new Failure({
    kind: "environment",
    code: "disk-full",
    message: `The disk needs ${formatByteSize(neededBytes)} more, and ${formatByteSize(free)} are free in ${dirname(directory)}. Nothing was left behind.`,
    fix: `free ${formatByteSize(neededBytes - free)} there, or set XDG_CACHE_HOME to a folder with more.`,
  });
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
