/** How much of a disk moves when a little of its image changes: in the blocks of 512 KiB that clouds keep snapshots in. */
import { randomFillSync } from "node:crypto";
import { lstatSync, openSync, closeSync, readSync, readdirSync, statSync } from "node:fs";
import { cp, mkdir, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export const blockBytes = 512 * 1024;
const fileSystemBlockBytes = 4096;

export interface Comparison {
  readonly changed: number;
  /** Blocks that are not zero in either. */
  readonly used: number;
}

/** Block by block; the shorter one counts as zero behind its end. */
export function compareDisks(one: string, other: string): Comparison {
  const files = [openSync(one, "r"), openSync(other, "r")];
  const buffers = files.map(() => Buffer.alloc(blockBytes));
  const zero = Buffer.alloc(blockBytes);
  let changed = 0;
  let used = 0;
  for (let at = 0; at < Math.max(statSync(one).size, statSync(other).size); at += blockBytes) {
    const [first = zero, second = zero] = files.map((file, index) => {
      const buffer = buffers[index] ?? zero;
      buffer.fill(0, readSync(file, buffer, 0, blockBytes, at));
      return buffer;
    });
    if (!first.equals(zero) || !second.equals(zero)) used++;
    if (!first.equals(second)) changed++;
  }
  files.forEach((file) => closeSync(file));
  return { changed, used };
}

export interface RegularFile {
  /** Relative to the root. */
  readonly path: string;
  readonly sizeBytes: number;
}

/** Regular files of an unpacked root that hold something, in the order of their paths. */
export function regularFiles(root: string, directory = ""): RegularFile[] {
  return readdirSync(join(root, directory))
    .sort()
    .flatMap((name) => {
      const path = join(directory, name);
      const facts = lstatSync(join(root, path));
      if (facts.isDirectory()) return regularFiles(root, path);
      return facts.isFile() && facts.size > 0 ? [{ path, sizeBytes: facts.size }] : [];
    });
}

/**
 * What an edit in place would touch, data alone: the files lie one after the other without gaps, and what is
 * rewritten is rewritten where it is. No file system that keeps its own books does as little.
 */
export function floorInPlace(files: readonly RegularFile[], changed: ReadonlySet<RegularFile>): number {
  const touched = new Set<number>();
  let at = 0;
  for (const file of files) {
    const end = at + Math.ceil(file.sizeBytes / fileSystemBlockBytes) * fileSystemBlockBytes;
    for (let block = Math.floor(at / blockBytes); changed.has(file) && block * blockBytes < end; block++) touched.add(block);
    at = end;
  }
  return touched.size;
}

/** Numbers from 0 to 1, the same for the same seed. Source: mulberry32. */
export function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function scattered(files: readonly RegularFile[], part: number, next: () => number): RegularFile[] {
  return files.filter(() => next() < part);
}

/** All files of directories, until they are that part of all: how packages are updated. */
export function wholeDirectories(files: readonly RegularFile[], part: number, next: () => number): RegularFile[] {
  const directories = [...Map.groupBy(files, ({ path }) => dirname(path)).values()].filter(({ length }) => length < 40);
  const chosen: RegularFile[] = [];
  while (chosen.length < files.length * part) {
    const [directory = []] = directories.splice(Math.floor(next() * directories.length), 1);
    chosen.push(...directory);
  }
  return chosen;
}

/** Writes other bytes, up to a twentieth fewer or more, under the same names, owners and modes into `target`. */
export async function rewrite(
  root: string,
  files: readonly RegularFile[],
  target: { readonly folder: string; readonly next: () => number },
): Promise<void> {
  for (const { path, sizeBytes } of files) {
    const copy = join(target.folder, path);
    await mkdir(dirname(copy), { recursive: true });
    await cp(join(root, path), copy, { preserveTimestamps: true });
    const bytes = randomFillSync(Buffer.alloc(Math.max(1, Math.round(sizeBytes * (0.95 + target.next() * 0.1)))));
    await truncate(copy, 0);
    await writeFile(copy, bytes);
  }
}
