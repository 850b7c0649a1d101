/** Keeps the image store bounded: what no stored image needs is a cache of other registries' blobs, the longest unused goes first. */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "../model/digest.ts";
import { isPartial } from "../storage/atomic-file.ts";
import { blobsOf } from "./layout.ts";
import { isIndex, parseDocument } from "./manifest.ts";
import { readEntries } from "./store-index.ts";
import type { Store } from "./store.ts";

/** Younger files may be in use by another process. */
const graceMilliseconds = 24 * 3600 * 1000;

/** A document with all that it names, as far as the store has it. */
export async function reachableFrom(store: Store, digest: Digest): Promise<ReadonlySet<Digest>> {
  const found = new Set<Digest>([digest]);
  const bytes = await store.read({ digest });
  if (bytes === undefined) return found;
  const { content } = parseDocument(bytes, "", store.path(digest));
  if (!isIndex(content)) return new Set([...found, ...blobsOf(content).map((blob) => blob.digest)]);
  for (const child of content.manifests) for (const reached of await reachableFrom(store, child.digest)) found.add(reached);
  return found;
}

/** Everything that the images in the index need. */
export async function neededBlobs(store: Store): Promise<ReadonlySet<Digest>> {
  const roots = new Set(((await readEntries(store.directory)) ?? []).map((entry) => entry.descriptor.digest));
  const sets = await Promise.all([...roots].map((root) => reachableFrom(store, root)));
  return new Set(sets.flatMap((set) => [...set]));
}

interface StoredFile {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly usedAt: number;
}

async function storedFiles(folder: string): Promise<readonly StoredFile[]> {
  const names = await readdir(folder).catch(() => []);
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const found = await stat(path).catch(() => undefined);
      return found?.isFile() === true ? { name, path, sizeBytes: found.size, usedAt: found.mtimeMs } : undefined;
    }),
  );
  return files.filter((file) => file !== undefined);
}

/** Removes what crashes left behind, and the oldest unneeded blobs until those left fit into `cacheBytes`. Under the lock. */
export async function sweep(store: Store, limits: { readonly cacheBytes: number; readonly now: number }): Promise<void> {
  const files = await storedFiles(store.blobs);
  const old = files.filter((file) => limits.now - file.usedAt > graceMilliseconds);
  await Promise.all(
    [...old, ...(await oldFilesIn(store.directory, limits.now))]
      .filter((file) => isPartial(file.name))
      .map((file) => rm(file.path, { force: true })),
  );
  const needed = await neededBlobs(store);
  const cached = files.filter((file) => !isPartial(file.name) && !needed.has(`sha256:${file.name}`));
  let excess = cached.reduce((sum, file) => sum + file.sizeBytes, 0) - limits.cacheBytes;
  for (const file of cached.filter((one) => old.includes(one)).sort((a, b) => a.usedAt - b.usedAt)) {
    if (excess <= 0) return;
    await rm(file.path, { force: true });
    excess -= file.sizeBytes;
  }
}

async function oldFilesIn(folder: string, now: number): Promise<readonly StoredFile[]> {
  return (await storedFiles(folder)).filter((file) => now - file.usedAt > graceMilliseconds);
}
