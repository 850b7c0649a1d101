/** The `index.json` of the image store: which images it holds, under which names. Changed only under a lock. */
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import { replaceFile } from "../storage/atomic-file.ts";
import { makeOwnFolder } from "../storage/own-folder.ts";
import { withLock } from "../storage/process-lock.ts";
import { parseShape, shapesAt } from "./json-shape.ts";
import { parseDescriptor, type Descriptor } from "./manifest.ts";
import { readIfThere } from "./surroundings.ts";

/** Nobody works on the index for that long. */
const patienceSeconds = 600;

const nameAnnotation = "org.opencontainers.image.ref.name";

/** `repository:tag`, and for each image once `repository@digest`, so that one without tags is still there. */
export interface Entry {
  readonly name: string;
  readonly descriptor: Descriptor;
}

export function tagName(repository: string, tag: string): string {
  return `${repository}:${tag}`;
}

export function digestName(repository: string, digest: Digest): string {
  return `${repository}@${digest}`;
}

function indexPath(directory: string): string {
  return join(directory, "index.json");
}

/** The entries of any OCI layout; one without a name has the name "". Undefined: the folder has no index. */
export async function readEntries(directory: string): Promise<readonly Entry[] | undefined> {
  const text = await readIfThere(indexPath(directory));
  if (text === undefined) return undefined;
  const shape = parseShape(text);
  if (shape === undefined) {
    throw new Failure({
      kind: "environment",
      message: `${indexPath(directory)} lists the images stored there, but it is not a JSON object.`,
      fix: `move ${directory} away; images are fetched or built again.`,
    });
  }
  return shapesAt(shape, "manifests").map((item) => {
    const descriptor = parseDescriptor(item, indexPath(directory));
    return { name: descriptor.annotations[nameAnnotation] ?? "", descriptor };
  });
}

function format(entries: readonly Entry[]): string {
  const manifests = entries.map(({ name, descriptor }) => ({
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.sizeBytes,
    annotations: { ...descriptor.annotations, [nameAnnotation]: name },
  }));
  return `${JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests }, undefined, 2)}\n`;
}

/** No other process changes the store while `work` runs. */
export async function withStoreLock<T>(directory: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  await makeOwnFolder({ path: directory, holds: "Images", variable: "XDG_DATA_HOME" });
  return withLock(indexPath(await realpath(directory)), { signal, patienceSeconds }, work);
}

/** Call it under the lock. */
export async function changeEntries(directory: string, change: (entries: readonly Entry[]) => readonly Entry[]): Promise<void> {
  await replaceFile(indexPath(directory), format(change((await readEntries(directory)) ?? [])), 0o644);
}
