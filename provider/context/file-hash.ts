/** The hash of one file's content, from the stat cache or from the disk. */
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type BigIntStats } from "node:fs";
import { readingFailure, restless, Vanished } from "./context-failure.ts";
import type { Pace } from "./pace.ts";
import { diskPath } from "./path-bytes.ts";
import type { StatCache } from "./stat-cache.ts";

/** A file that changes while it is read is read again this often. */
const attempts = 3;
const chunk = Buffer.allocUnsafe(256 * 1024);

export interface FoundFile {
  /** Relative to the context. */
  readonly path: string;
  readonly stat: BigIntStats;
}

export interface HashFiles {
  readonly root: string;
  readonly cache: StatCache;
  readonly pace: Pace;
}

/** 64 hex digits over `file`, a zero byte and the content: no link or folder can have the same. */
export async function hashFile(file: FoundFile, { root, cache, pace }: HashFiles): Promise<string> {
  let stat = file.stat;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const known = cache.find(stat);
    if (known !== undefined) return known;
    const startedAt = cache.now();
    const hash = await readContent(`${root}/${file.path}`, file.path, { stat, pace });
    if (typeof hash === "string") {
      cache.add(stat, { hash, startedAt });
      return hash;
    }
    stat = hash;
  }
  throw restless(file.path, "changed");
}

/** The hash, or the stat that the file has now when it changed meanwhile. */
async function readContent(
  path: string,
  shown: string,
  of: { readonly stat: BigIntStats; readonly pace: Pace },
): Promise<string | BigIntStats> {
  let descriptor: number;
  try {
    // A link or a pipe put in the file's place must neither be followed nor waited for.
    descriptor = openSync(diskPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (thrown) {
    const isLink = (thrown as NodeJS.ErrnoException).code === "ELOOP" && lstatSync(diskPath(path)).isSymbolicLink();
    throw isLink ? new Vanished(shown) : readingFailure(shown, thrown);
  }
  try {
    const before = fstatSync(descriptor, { bigint: true });
    if (!before.isFile()) throw new Vanished(shown);
    if (!isSame(before, of.stat)) return before;
    const hash = createHash("sha256").update("file\0");
    for (let size = readSync(descriptor, chunk); size > 0; size = readSync(descriptor, chunk)) {
      hash.update(chunk.subarray(0, size));
      if (of.pace.isDue()) await of.pace.rest();
    }
    const after = fstatSync(descriptor, { bigint: true });
    return isSame(before, after) ? hash.digest("hex") : after;
  } catch (thrown) {
    throw readingFailure(shown, thrown);
  } finally {
    closeSync(descriptor);
  }
}

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}
