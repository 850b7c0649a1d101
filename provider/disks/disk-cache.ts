/**
 * Raw disks on this computer, under their identity: `<identity>.raw`, and beside it a record of what is known of it.
 * Whoever uses a disk holds the lock of its identity, so two processes never make the same disk twice, and nobody
 * removes one that is being read. What a crash left behind is removed under the same lock.
 */
import { chmod, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cancelled } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import type { ImageFacts } from "../model/image-check-facts.ts";
import type { CachedDisk } from "../resources/ports.ts";
import { isPartial, partialPath, writeAtomically } from "../storage/atomic-file.ts";
import { makeOwnFolder } from "../storage/own-folder.ts";
import { tryLock, withLock } from "../storage/process-lock.ts";
import type { MadeDisk } from "./made-disk.ts";
import { readRecord, removeRecord, writeRecord, type DiskRecord } from "./disk-record.ts";
import { reportDiskFull } from "./disk-full.ts";

export interface DiskCacheOptions {
  readonly directory: string;
  /** Asked at each use: configuration comes after the cache is made. */
  readonly sizeBytes: () => number;
}

export interface Making {
  readonly signal: AbortSignal;
  /** Another process has the disk. */
  readonly onWait?: () => void;
  /** Fills the private folder, answers the path of the disk in it and the digest of its bytes. */
  readonly make: (directory: string) => Promise<MadeDisk>;
  /** Told what was seen in the image of a disk that is there already; what it throws ends the use. */
  readonly inspect?: ((facts: ImageFacts) => void) | undefined;
  /** Left out: any disk of the identity will do. One that will not is made again. */
  readonly isWanted?: (digest: Digest) => boolean;
}

export interface DiskCache {
  /** Finds or makes a disk and hands it to `work`, during which it stays. */
  use<T>(identity: string, making: Making, work: (disk: CachedDisk) => Promise<T>): Promise<T>;
}

const cacheRemedy = "set XDG_CACHE_HOME to a folder with more";
const identityPattern = /^([0-9a-f]{64})\./;

export function diskCache({ directory, sizeBytes }: DiskCacheOptions): DiskCache {
  return {
    use: async (identity, making, work) => {
      await makeOwnFolder({ path: directory, holds: "Disks", variable: "XDG_CACHE_HOME" });
      const result = await withLock(lockName(directory, identity), making, async () => {
        await sweep(directory, identity);
        const kept = await readRecord(directory, identity);
        const found = kept !== undefined && making.isWanted?.(kept.digest) !== false ? kept : undefined;
        if (found?.facts !== undefined) making.inspect?.(found.facts);
        const record = found ?? (await makeDisk(directory, identity, making));
        await writeRecord(directory, identity, { ...record, usedAt: Date.now() });
        const { digest } = record;
        return work({ identity, digest, sizeBytes: record.sizeBytes, path: diskPath(directory, identity) });
      });
      await evict(directory, identity, sizeBytes());
      return result;
    },
  };
}

export function diskPath(directory: string, identity: string): string {
  return join(directory, `${identity}.raw`);
}

function lockName(directory: string, identity: string): string {
  return join(directory, identity);
}

async function makeDisk(directory: string, identity: string, { make, signal }: Making): Promise<Omit<DiskRecord, "usedAt">> {
  const path = diskPath(directory, identity);
  const work = partialPath(join(directory, `${identity}.work`));
  await mkdir(work, { mode: 0o700 });
  try {
    const made = await make(work);
    if (signal.aborted) throw cancelled("Making the disk");
    await chmod(made.path, 0o600);
    await writeAtomically(path, (partial) => rename(made.path, partial));
    const { size, mtimeMs } = await stat(path);
    const { path: _, ...known } = made;
    return { ...known, sizeBytes: size, modifiedAt: mtimeMs };
  } catch (error) {
    throw signal.aborted ? cancelled("Making the disk") : await reportDiskFull(error, directory, cacheRemedy);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Removes what a process that died left behind; the caller holds the lock. */
async function sweep(directory: string, identity: string): Promise<void> {
  const names = await readdir(directory);
  for (const name of names.filter((name) => name.startsWith(`${identity}.`) && isPartial(name))) {
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

interface Entry {
  readonly identity: string;
  readonly allocatedBytes: number;
  readonly usedAt: number;
}

/** Removes the disks that were not used for longest, until the rest fits. The one used just now is the last to go, and stays. */
async function evict(directory: string, current: string, limitBytes: number): Promise<void> {
  const identities = new Set<string>();
  for (const name of await readdir(directory)) identities.add(identityPattern.exec(name)?.[1] ?? current);
  const entries: Entry[] = [];
  for (const identity of identities) {
    const entry = await entryOf(directory, identity);
    if (entry !== undefined) entries.push(entry);
  }
  let total = entries.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0);
  const oldestFirst = entries.filter(({ identity }) => identity !== current).sort((a, b) => a.usedAt - b.usedAt);
  for (const { identity, allocatedBytes } of oldestFirst) {
    if (total <= limitBytes) return;
    if (await removeUnused(directory, identity)) total -= allocatedBytes;
  }
}

/** A disk that somebody else links to takes no room of the cache's own: removing its name would free nothing. */
async function entryOf(directory: string, identity: string): Promise<Entry | undefined> {
  const file = await stat(diskPath(directory, identity)).catch(() => undefined);
  const record = await readRecord(directory, identity);
  if (file !== undefined && file.nlink > 1) return undefined;
  return { identity, allocatedBytes: (file?.blocks ?? 0) * 512, usedAt: record?.usedAt ?? 0 };
}

async function removeUnused(directory: string, identity: string): Promise<boolean> {
  const lock = await tryLock(lockName(directory, identity));
  if (lock === undefined) return false;
  try {
    await sweep(directory, identity);
    await removeRecord(directory, identity);
    await rm(diskPath(directory, identity), { force: true });
    return true;
  } finally {
    await lock.release();
  }
}
