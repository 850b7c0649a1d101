/** The port `DiskArtifacts`: raw disks beside their images in registries. */
import { Readable } from "node:stream";
import { Failure } from "../failure.ts";
import { isDigest } from "../model/digest.ts";
import { formatImageReference, localRegistry, type PinnedReference } from "../model/image-reference.ts";
import {
  diskName,
  diskTag,
  type DiskArtifacts,
  type DiskChunk,
  type DiskFetch,
  type DiskPlace,
  type DiskPublishing,
  type PublishedDisk,
} from "../model/published-disk.ts";
import { isBlobThere, uploadBlob } from "./blob-upload.ts";
import { checkedConfiguration, diskArtifactType, diskConfiguration, diskManifest, parseDisk } from "./disk-artifact.ts";
import { parseShape, shapeAt, textAt } from "./json-shape.ts";
import { digestOf, isIndex } from "./manifest.ts";
import { forEachAtOnce } from "./parallel.ts";
import type { Places } from "./places.ts";
import { dropReferrer, putReferrer } from "./referrers.ts";
import type { RemoteRepository } from "./remote-repository.ts";
import type { Store } from "./store.ts";
import type { Task } from "./trouble.ts";

/** Of pieces of 64 MiB, each of which is in memory while it is pushed. */
const pushesAtOnce = 2;
const fetchesAtOnce = 3;

export interface DiskArtifactsParts {
  readonly store: Store;
  readonly places: Places;
}

export function diskArtifacts({ store, places }: DiskArtifactsParts): DiskArtifacts {
  return {
    find: (place, signal) => findDisk({ store, places }, place, signal),
    fetch: (request) => fetchDisk({ store, places }, request),
    publish: (request) => publishDisk({ store, places }, request),
    remove: (artifact, signal) => removeDisk(places, artifact, signal),
  };
}

async function findDisk({ store, places }: DiskArtifactsParts, place: DiskPlace, signal: AbortSignal): Promise<PublishedDisk | undefined> {
  const name = diskName(place);
  if (place.repository.registry === localRegistry) return undefined;
  const task = { failing: `Could not look up the published disk ${name}`, doing: `Looking up the published disk ${name}`, signal };
  const tag = diskTag(place.identity);
  const { registry, repository } = place.repository;
  const source = await places.toPull({ registry, repository, tag });
  const digest = await source.resolve(tag, task);
  const document = digest === undefined ? undefined : await source.document(digest, task);
  if (document === undefined) return undefined;
  const config = checkedConfiguration(document, place);
  await source.ensure(config, task);
  return parseDisk(document, (await store.read(config)) ?? Buffer.alloc(0), place);
}

/** Pieces come into the store, so that the next disk, or the next try, gets only those that are new. */
async function fetchDisk({ store, places }: DiskArtifactsParts, request: DiskFetch): Promise<void> {
  const { disk, signal, onProgress, take } = request;
  const name = formatImageReference(disk.artifact);
  const task = { failing: `Could not fetch the published disk ${name}`, doing: `Fetching the published disk ${name}`, signal };
  const source = await places.toPull(disk.artifact);
  const totalBytes = disk.chunks.reduce((sum, { blob }) => sum + blob.sizeBytes, 0);
  let doneBytes = 0;
  const onBytes = (count: number): void => {
    doneBytes = Math.min(doneBytes + count, totalBytes);
    onProgress({ phase: "fetching the disk", doneBytes, totalBytes });
  };
  await forEachAtOnce(disk.chunks, fetchesAtOnce, async (chunk) => {
    const blob = { ...chunk.blob, mediaType: "", annotations: {} };
    await source.ensure(blob, task, onBytes);
    await take(
      chunk,
      store.stream(blob, () => source.ensure(blob, task)),
    );
  });
}

/** The tag comes last: what it names is whole, and found from the image. */
async function publishDisk({ places }: DiskArtifactsParts, request: DiskPublishing): Promise<PinnedReference> {
  const { place, signal } = request;
  const name = diskName(place);
  const task = { failing: `Could not publish the disk ${name}`, doing: `Publishing the disk ${name}`, signal };
  const remote = await places.toPushRemotely(place.repository);
  const subject = await remote.document(place.subject, task);
  if (subject === undefined) throw noSubject(name, place);
  const chunks = await pushChunks(remote, request, task);
  const disk = { digest: request.digest, sizeBytes: request.sizeBytes, chunks };
  await pushBytes(remote, diskConfiguration(place, disk), task);
  const document = diskManifest(place, subject, disk);
  await putReferrer({ ...remote.parts, subject: place.subject }, { document, artifactType: diskArtifactType }, task);
  await remote.tag(document, [diskTag(place.identity)], task);
  if ((await remote.resolve(document.digest, task)) === undefined) throw notReadBack(name);
  const { registry, repository } = place.repository;
  return { registry, repository, digest: document.digest };
}

async function pushChunks(remote: RemoteRepository, request: DiskPublishing, task: Task): Promise<readonly DiskChunk[]> {
  const { offsets, pack, sizeBytes, onProgress } = request;
  const pushed: DiskChunk[] = [];
  let doneBytes = 0;
  await forEachAtOnce(offsets, pushesAtOnce, async (offset) => {
    const chunk = await pack(offset);
    if (chunk !== undefined) {
      const { bytes, ...known } = chunk;
      await pushBytes(remote, bytes, task);
      pushed.push(known);
    }
    doneBytes += chunk?.lengthBytes ?? 0;
    onProgress({ phase: "publishing the disk", doneBytes: Math.min(doneBytes, sizeBytes), totalBytes: sizeBytes });
  });
  return pushed.sort((a, b) => a.offsetBytes - b.offsetBytes);
}

/** Nothing is sent that is there. */
async function pushBytes({ parts }: RemoteRepository, bytes: Uint8Array, task: Task): Promise<void> {
  const blob = { digest: digestOf(bytes), sizeBytes: bytes.length, mediaType: "", annotations: {} };
  const open = (): Readable => Readable.from([bytes]);
  if (!(await isBlobThere({ ...parts, blob }, task))) await uploadBlob({ ...parts, blob, open }, task);
}

/** Its blobs stay until the registry collects what no manifest names: other disks share them. */
async function removeDisk(places: Places, artifact: PinnedReference, signal: AbortSignal): Promise<void> {
  const name = formatImageReference(artifact);
  const task = { failing: `Could not delete the published disk ${name}`, doing: `Deleting the published disk ${name}`, signal };
  const remote = await places.toPushRemotely(artifact);
  const document = await remote.document(artifact.digest, task);
  if (document === undefined || isIndex(document.content)) return;
  const subject = textAt(shapeAt(parseShape(Buffer.from(document.bytes).toString("utf8")) ?? {}, "subject"), "digest") ?? "";
  if (isDigest(subject)) await dropReferrer({ ...remote.parts, subject }, artifact.digest, task);
  await remote.remove(artifact.digest, task);
}

function noSubject(name: string, { subject, repository }: DiskPlace): Failure {
  const { registry, repository: path } = repository;
  return new Failure({
    kind: "remote",
    code: "not-found",
    message: `Could not publish the disk ${name}: its image ${subject} is not in ${formatImageReference({ registry, repository: path })} any more.`,
    fix: "run pulumi refresh, then pulumi up, which builds or pushes the image again.",
  });
}

function notReadBack(name: string): Failure {
  return new Failure({
    kind: "remote",
    code: "not-found",
    message: `Could not publish the disk ${name}: the push went through, but the disk cannot be read back.`,
    fix: "run pulumi up again; if it stays so, look at the registry's logs.",
  });
}
