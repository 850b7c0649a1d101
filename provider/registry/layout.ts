/** Reads the one image of an OCI layout folder that a builder left, and verifies every byte of it. */
import { stat } from "node:fs/promises";
import { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import { isIndex, isIndexType, maxDocumentBytes, parseDocument, type Descriptor, type Document, type Manifest } from "./manifest.ts";
import { readEntries } from "./store-index.ts";
import { Store } from "./store.ts";
import type { Task } from "./trouble.ts";
import { throwIfCancelled } from "./trouble.ts";

/** An image with everything that belongs to it. */
export interface Content {
  readonly root: Document;
  /** All documents, each after those that it names; the root is the last. */
  readonly documents: readonly Document[];
  /** Configurations and layers, each once. */
  readonly blobs: readonly Descriptor[];
  /** Where the bytes are. */
  readonly store: Store;
}

export function blobsOf(manifest: Manifest): readonly Descriptor[] {
  return [manifest.config, ...manifest.layers];
}

function broken(directory: string, why: string): Failure {
  return new Failure({
    kind: "tool",
    code: "broken-layout",
    message: `The built image in ${directory} cannot be used: ${why}. Nothing was pushed.`,
    fix: "build again, or with another builder.",
  });
}

const maxDepth = 3;

async function readDocuments(store: Store, descriptor: Descriptor, depth: number): Promise<readonly Document[]> {
  const bytes = descriptor.sizeBytes <= maxDocumentBytes ? await store.read(descriptor) : undefined;
  if (bytes === undefined) throw broken(store.directory, `its manifest ${descriptor.digest} is missing, too large or cut short`);
  const document = parseDocument(bytes, descriptor.mediaType, `The built image in ${store.directory}`);
  if (!isIndex(document.content)) return [document];
  if (depth >= maxDepth) throw broken(store.directory, `its indexes are nested more than ${maxDepth} deep`);
  const children = await Promise.all(document.content.manifests.map((child) => readDocuments(store, child, depth + 1)));
  return [...children.flat(), document];
}

function uniqueBlobs(documents: readonly Document[]): readonly Descriptor[] {
  const all = documents.flatMap(({ content }) => (isIndex(content) ? [] : blobsOf(content)));
  return [...new Map<Digest, Descriptor>(all.map((blob) => [blob.digest, blob])).values()];
}

/** Builders that make several platforms leave manifests without an index beside the index; the index is the image. */
function rootOf(entries: readonly Descriptor[], directory: string): Descriptor {
  const indexes = entries.filter((entry) => isIndexType(entry.mediaType));
  const candidates = indexes.length > 0 ? indexes : entries;
  // One image under several names is one image.
  const [root, ...more] = [...new Map(candidates.map((entry) => [entry.digest, entry])).values()];
  if (root === undefined || more.length > 0) throw broken(directory, `it holds ${entries.length} images where one is called for`);
  return root;
}

/** The whole image; fails when a file is missing or has another size. Manifests are verified here, blobs by who takes them. */
export async function readLayout(directory: string): Promise<Content> {
  const entries = await readEntries(directory);
  if (entries === undefined) throw broken(directory, "the folder has no index.json");
  const store = new Store(directory, "layout");
  const root = rootOf(
    entries.map((entry) => entry.descriptor),
    directory,
  );
  const documents = await readDocuments(store, root, 1);
  const blobs = uniqueBlobs(documents);
  for (const blob of blobs) await checkSize(store, blob);
  const last = documents.at(-1);
  if (last === undefined) throw broken(directory, "it holds no manifest");
  return { root: last, documents, blobs, store };
}

async function checkSize(store: Store, blob: Descriptor): Promise<void> {
  const size = await stat(store.path(blob.digest)).then(
    (found) => found.size,
    () => undefined,
  );
  if (size === undefined) throw broken(store.directory, `its file for ${blob.digest} is missing`);
  if (size !== blob.sizeBytes) throw broken(store.directory, `its file for ${blob.digest} has ${size} bytes instead of ${blob.sizeBytes}`);
}

/** Reads all of a blob against its digest. */
export async function verifyBlob(content: Content, blob: Descriptor, task: Task): Promise<void> {
  for await (const _ of content.store.stream(blob, async () => undefined)) throwIfCancelled(task);
}
