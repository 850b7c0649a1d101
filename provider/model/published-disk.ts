/** Disks that computers share through the registry of their image. */
import type { Readable } from "node:stream";
import type { Digest } from "./digest.ts";
import { formatImageReference, type ImageReference, type PinnedReference } from "./image-reference.ts";

export interface DiskSharing {
  /** A disk that is known already: under its identity no other bytes are taken from the registry. */
  readonly known?: { readonly identity: string; readonly digest: Digest };
  /** One line. */
  readonly onWarning: (text: string) => void;
}

/** A disk in a registry whose bytes were seen to be the ones that they should be. */
export interface SharedArtifact {
  readonly reference: PinnedReference;
  /** Just now, by us; else it was there. */
  readonly pushedHere: boolean;
}

/** Where a disk is, or would be, in a registry. */
export interface DiskPlace {
  /** The image's; a tag or digest in it is ignored. */
  readonly repository: ImageReference;
  /** Manifest of the image's platform, to which the disk belongs. */
  readonly subject: Digest;
  readonly identity: string;
}

/** One HEAD on it tells whether the disk was published. */
export function diskTag(identity: string): string {
  return `disk-${identity.slice(0, 32)}`;
}

/** The published disk in messages: `registry.example.com/team/os:disk-01234567…`. */
export function diskName({ repository, identity }: DiskPlace): string {
  return formatImageReference({ registry: repository.registry, repository: repository.repository, tag: diskTag(identity) });
}

/** A piece of a disk that is not all zero. */
export interface DiskChunk {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** Of the bytes on the disk. */
  readonly digest: Digest;
  /** The same bytes in zstd. */
  readonly blob: { readonly digest: Digest; readonly sizeBytes: number };
}

export interface PackedChunk extends DiskChunk {
  /** The blob's. */
  readonly bytes: Uint8Array;
}

/** What a registry says of a disk: nothing of it is believed before the bytes are there and have the digests. */
export interface PublishedDisk {
  readonly artifact: PinnedReference;
  /** Of the raw bytes. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** In order and apart from each other; what lies between them is zero. */
  readonly chunks: readonly DiskChunk[];
}

interface Transfer {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { readonly phase: string; readonly doneBytes: number; readonly totalBytes: number }) => void;
}

export interface DiskFetch extends Transfer {
  readonly disk: PublishedDisk;
  /** `packed`: the blob's bytes, verified: the stream fails before its end if they do not match the digest. */
  readonly take: (chunk: DiskChunk, packed: Readable) => Promise<void>;
}

export interface DiskPublishing extends Transfer {
  readonly place: DiskPlace;
  /** Of the raw bytes. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Where the pieces begin. */
  readonly offsets: readonly number[];
  /** The piece that begins there; undefined when it is all zero. A few are asked for at once. */
  readonly pack: (offsetBytes: number) => Promise<PackedChunk | undefined>;
}

/** Handed to who makes disks, as programs are. */
export interface DiskArtifacts {
  /** Undefined on a definite "not found". Throws a Failure with the code `broken-artifact` when it is not the disk asked for. */
  find(place: DiskPlace, signal: AbortSignal): Promise<PublishedDisk | undefined>;
  fetch(request: DiskFetch): Promise<void>;
  /** Pushes what is not there yet. */
  publish(request: DiskPublishing): Promise<PinnedReference>;
  /** Not found is success; what other manifests name stays. */
  remove(artifact: PinnedReference, signal: AbortSignal): Promise<void>;
}
