/** The hash of one file's content, from the stat cache or from the disk. */
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type BigIntStats } from "node:fs";
import { readingFailure, restless, Vanished } from "./context-failure.ts";
import type { Pace } from "./pace.ts";
import { diskPath } from "./path-bytes.ts";
import { identityOf, type StatCache } from "./stat-cache.ts";

/** A file that changes while it is read is read again this often. */
const attempts = 3;
const chunk = Buffer.allocUnsafe(256 * 1024);

/** Few words of each file are kept: thousands of whole stats would cost more than making them. */
export interface FoundFile {
  /** Relative to the context. */
  readonly path: string;
  /** By `identityOf`. */
  readonly identity: string;
  readonly isExecutable: boolean;
}

export function foundFile(path: string, stat: BigIntStats): FoundFile {
  // The owner's bit: the others follow the umask.
  return { path, identity: identityOf(stat), isExecutable: (stat.mode & 0o100n) !== 0n };
}

export interface HashFiles {
  readonly root: string;
  readonly cache: StatCache;
  readonly pace: Pace;
}

/** 64 hex digits over `file`, a zero byte and the content: no link or folder can have the same. Ask the cache first. */
export async function hashFile(file: FoundFile, { root, cache, pace }: HashFiles): Promise<string> {
  let { identity } = file;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const startedAt = cache.now();
    const { hash, stat } = await readContent(`${root}/${file.path}`, file.path, { identity, pace });
    if (hash !== undefined) {
      cache.add(stat, { hash, startedAt });
      return hash;
    }
    identity = identityOf(stat);
  }
  throw restless(file.path, "changed");
}

interface Content {
  /** Undefined when the file is not what it was. */
  readonly hash?: string;
  /** As it is now. */
  readonly stat: BigIntStats;
}

async function readContent(path: string, shown: string, of: { readonly identity: string; readonly pace: Pace }): Promise<Content> {
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
    if (identityOf(before) !== of.identity) return { stat: before };
    const hash = createHash("sha256").update("file\0");
    for (let size = readSync(descriptor, chunk); size > 0; size = readSync(descriptor, chunk)) {
      hash.update(chunk.subarray(0, size));
      if (of.pace.isDue()) await of.pace.rest();
    }
    const after = fstatSync(descriptor, { bigint: true });
    return identityOf(after) === of.identity ? { hash: hash.digest("hex"), stat: after } : { stat: after };
  } catch (thrown) {
    throw readingFailure(shown, thrown);
  } finally {
    closeSync(descriptor);
  }
}
