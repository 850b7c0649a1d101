/**
 * Disks that computers share through the registry of their image: taken from there instead of made, and put there once made.
 * Only a program that says so takes part: a disk is not pinned by the image's digest, so who may push there says what boots.
 */
import { open, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import { formatImageReference, localRegistry } from "../model/image-reference.ts";
import { diskName, type DiskArtifacts, type DiskSharing, type PublishedDisk } from "../model/published-disk.ts";
import type { CachedDisk, DiskRequest } from "../resources/ports.ts";
import type { MadeDisk } from "./made-disk.ts";
import { chunkOffsets, packChunk, unpackChunk } from "./disk-chunks.ts";
import { checkRoom } from "./disk-full.ts";
import { digestFile } from "./file-digest.ts";

export interface Sharing {
  readonly artifacts: DiskArtifacts;
  readonly request: DiskRequest & { readonly sharing: DiskSharing };
  readonly identity: string;
  /** Manifest of the image's platform. */
  readonly manifest: Digest;
}

export interface SharedUse {
  /** Fills the private folder with the disk from the registry, else as `makeHere` does. */
  readonly make: (directory: string) => Promise<MadeDisk>;
  /** Whether a disk that is in the cache already will do. */
  readonly isWanted: (digest: Digest) => boolean;
}

interface Finding {
  readonly disk?: PublishedDisk;
  /** Whether the place in the registry is ours to fill. */
  readonly mayPush: boolean;
}

export function checkShared({ image }: DiskRequest): void {
  if (image.registry !== localRegistry) return;
  throw new Failure({
    kind: "input",
    code: "not-in-registry",
    message: `publish is true, but image ${formatImageReference(image)} is in the local store of this computer, beside which nothing can be published.`,
    fix: "set repository on the Image, so that it is pushed to a registry, or leave publish out.",
  });
}

export function placeOf({
  request: { image },
  identity,
  manifest: subject,
}: Pick<Sharing, "identity" | "manifest"> & { request: Pick<DiskRequest, "image"> }) {
  return { repository: image, subject, identity };
}

/** What a registry holds is not taken when it is another disk, or not whole. Other trouble is the user's to know. */
const distrusted = new Set(["broken-artifact", "broken-manifest", "wrong-digest", "not-found"]);

async function orDistrust<T>(sharing: Sharing, work: Promise<T>): Promise<T | "distrusted"> {
  try {
    return await work;
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.kind !== "remote" || !distrusted.has(thrown.code ?? "")) throw thrown;
    const why =
      thrown.code === "broken-artifact"
        ? thrown.message
        : `The published disk ${diskName(placeOf(sharing))} cannot be used. ${thrown.message}`;
    sharing.request.sharing.onWarning(`${why} The disk is made here instead.`);
    return "distrusted";
  }
}

async function lookUp(asked: Sharing): Promise<Finding> {
  const { artifacts, request, identity } = asked;
  const { sharing, signal } = request;
  const found = await orDistrust(asked, artifacts.find(placeOf(asked), signal));
  if (found === undefined || found === "distrusted") return { mayPush: true };
  const { known } = sharing;
  if (known?.identity !== identity || known.digest === found.digest) return { disk: found, mayPush: true };
  sharing.onWarning(
    `The published disk ${formatImageReference(found.artifact)} has the bytes ${found.digest}, and the state of this stack knows it as ${known.digest}: it was neither used nor replaced. To have this one published, delete that one in the registry.`,
  );
  return { mayPush: false };
}

/** Looks the disk up, has the cache find or make it, and puts it into the registry when it is not there. */
export async function shareDisk(
  sharing: Sharing,
  makeHere: (directory: string) => Promise<MadeDisk>,
  withDisk: <T>(use: SharedUse, work: (disk: CachedDisk) => Promise<T>) => Promise<T>,
): Promise<CachedDisk> {
  const finding = await lookUp(sharing);
  let refused = false;
  const make = async (directory: string): Promise<MadeDisk> => {
    if (finding.disk === undefined) return makeHere(directory);
    const fetched = await orDistrust(sharing, fetchDisk(sharing, finding.disk, directory));
    if (fetched !== "distrusted") return fetched;
    refused = true;
    return makeHere(directory);
  };
  const isWanted = (digest: Digest): boolean => finding.disk === undefined || digest === finding.disk.digest;
  const isThere = (disk: CachedDisk): boolean => !refused && finding.disk?.digest === disk.digest;
  // The open file stays when the cache's name for it goes, so that nobody waits for the upload.
  const held = await withDisk({ make, isWanted }, async (disk) => ({
    disk,
    file: finding.mayPush && !isThere(disk) ? await open(disk.path, "r") : undefined,
  }));
  if (held.file !== undefined) return pushDisk(sharing, held.disk, held.file);
  const artifact = finding.disk === undefined ? {} : { artifact: { reference: finding.disk.artifact, pushedHere: false } };
  return { ...held.disk, ...artifact };
}

async function pushDisk(sharing: Sharing, disk: CachedDisk, opened: FileHandle): Promise<CachedDisk> {
  await using file = opened;
  const { artifacts, request } = sharing;
  const { signal, onProgress } = request;
  const reference = await artifacts.publish({
    place: placeOf(sharing),
    digest: disk.digest,
    sizeBytes: disk.sizeBytes,
    offsets: chunkOffsets(disk.sizeBytes),
    pack: (offset) => packChunk(file, offset, signal),
    signal,
    onProgress,
  });
  return { ...disk, artifact: { reference, pushedHere: true } };
}

async function fetchDisk({ artifacts, request, ...about }: Sharing, disk: PublishedDisk, directory: string): Promise<MadeDisk> {
  const { signal, onProgress, options } = request;
  const name = formatImageReference(disk.artifact);
  if (options.sizeBytes !== undefined && options.sizeBytes !== disk.sizeBytes)
    throw notTheDisk(name, `it has ${disk.sizeBytes} bytes, and disk.size asks for ${options.sizeBytes}`);
  await checkRoom(
    directory,
    disk.chunks.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
  );
  const path = join(directory, `${about.identity}.fetched`);
  try {
    await using file = await open(path, "wx", 0o600);
    await file.truncate(disk.sizeBytes);
    await artifacts.fetch({ disk, signal, onProgress, take: (chunk, packed) => unpackChunk({ chunk, packed, file, name, signal }) });
    const digest = await digestFile(path, { phase: "reading the disk back", totalBytes: disk.sizeBytes, signal, onProgress });
    if (digest !== disk.digest) throw notTheDisk(name, `it was to be ${disk.digest}, and its pieces make ${digest}`);
    return { path, digest };
  } catch (error) {
    // Its room is needed when the disk is made instead.
    await rm(path, { force: true });
    throw error;
  }
}

function notTheDisk(name: string, why: string): Failure {
  return new Failure({
    kind: "remote",
    code: "broken-artifact",
    message: `The published disk ${name} cannot be used: ${why}.`,
    fix: "delete it in the registry, and run pulumi up again, which publishes the disk anew.",
  });
}
