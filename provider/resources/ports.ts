/** What resources need from the outside world. Adapters in other rooms import these as types; main.ts joins the two. */
import type { Readable } from "node:stream";
import type { Digest } from "../model/digest.ts";
import type { DiskFormat, DiskOptions } from "../model/disk.ts";
import type { HealthCheck } from "../model/health-check.ts";
import type { ImageFacts } from "../model/image-check-facts.ts";
import type { ImageReference, PinnedReference } from "../model/image-reference.ts";
import type { MachineSettings } from "../model/machine.ts";
import type { Platform } from "../model/platform.ts";
import type { DiskSharing, PublishedDisk, SharedArtifact } from "../model/published-disk.ts";
import type { HostDriver } from "../rollout/driver.ts";
import type { HostFacts } from "../rollout/fleet.ts";

/** `done` of `total` bytes; a missing total is not known yet. */
export type OnProgress = (progress: { readonly phase: string; readonly doneBytes: number; readonly totalBytes?: number }) => void;

export interface ContextRequest {
  /** The `context` property: a folder, relative to the working directory or absolute. */
  readonly context: string;
  /** Relative to the context; left out: `Containerfile`, else `Dockerfile`. */
  readonly containerfile?: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly platforms: readonly string[];
  readonly signal: AbortSignal;
}

/** What a build can reach, hashed: content, executable bit, link target and path relative to the context; nothing else. */
export interface ContextReading {
  /** Path of the Containerfile relative to the context, with forward slashes. */
  readonly containerfile: string;
  /** The Containerfile's text, byte for byte. */
  readonly containerfileText: string;
  /** File (past some hundreds: folder ending in "/") to hash, sorted by key; the Containerfile is among them. */
  readonly sources: Readonly<Record<string, string>>;
  /** Hash of all sources, file by file, whatever `sources` folded into folders. */
  readonly sourcesHash: string;
  /** One hash per instruction, in order, to tell which changed: `{line: 7, keyword: "RUN", hash}`. */
  readonly instructions: readonly { readonly line: number; readonly keyword: string; readonly hash: string }[];
  /** External images in FROM, COPY --from and RUN --mount=from, arguments expanded, as written otherwise. */
  readonly baseReferences: readonly string[];
  /** One-line remarks, for example that the whole context counts since a COPY cannot be told apart. */
  readonly remarks: readonly string[];
}

export interface BuildContexts {
  /** Throws a Failure of kind `input` that names the file and line. */
  read(request: ContextRequest): Promise<ContextReading>;
}

export interface BuildRequest {
  readonly builder: "auto" | "podman" | "buildah" | "docker";
  readonly context: string;
  /** Text to build from: the Containerfile with its bases pinned. */
  readonly containerfileText: string;
  /** The Containerfile's path relative to the context (the ignore file beside it counts). */
  readonly containerfile: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly platforms: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Name to value; handed over in files that are removed afterwards. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Further texts that no line and no message may show, such as build arguments that arrived as secrets. */
  readonly redact: readonly string[];
  /** An empty folder that receives an OCI layout with one entry in its index. */
  readonly layoutDirectory: string;
  readonly signal: AbortSignal;
  /** Each line of the builder's output, as it comes. */
  readonly onLine: (line: string) => void;
}

export interface Builders {
  build(request: BuildRequest): Promise<void>;
}

export interface ImageDescription {
  /** Of the manifest or index that the reference means. */
  readonly digest: Digest;
  /** Platform ("linux/amd64") to manifest digest; one entry for an image that is no index. */
  readonly platformDigests: Readonly<Record<string, Digest>>;
  /** ISO 8601, from the image's configuration; absent when it says none. */
  readonly createdAt?: string;
  /** Compressed size of all layers and configurations. */
  readonly sizeBytes: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Layer {
  /** Of the compressed bytes. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** The compressed bytes, verified: the stream fails before its end if they do not match the digest. */
  open(): Readable;
}

export interface OpenImage {
  /** Of the platform's manifest. */
  readonly digest: Digest;
  readonly platform: Platform;
  readonly labels: Readonly<Record<string, string>>;
  /** From the lowest to the highest. */
  readonly layers: readonly Layer[];
  /** Folder with manifest, configuration and layers, named by the hex digits of their digests, as in an OCI layout. */
  readonly blobs: string;
}

/** Registries, and the local store behind the registry name `local`. */
export interface Images {
  /** What a tag or digest means, by one HEAD. Undefined only on the registry's definite "not found". */
  resolve(
    reference: ImageReference,
    options: { readonly signal: AbortSignal; readonly timeoutSeconds?: number },
  ): Promise<Digest | undefined>;
  /** Undefined only on a definite "not found". */
  describe(reference: PinnedReference, signal: AbortSignal): Promise<ImageDescription | undefined>;
  /** Fetches layers that are not in the local store yet, verified; then reads from there. */
  open(reference: PinnedReference, platform: Platform, request: Pick<DiskRequest, "signal" | "onProgress">): Promise<OpenImage>;
  /** Puts the one image of an OCI layout into `repository` (or the local store), under the tags, and reads it back. */
  publish(request: PublishRequest): Promise<ImageDescription>;
  /** Points tags at an image that is there already. */
  tag(reference: PinnedReference, tags: readonly string[], signal: AbortSignal): Promise<void>;
  /** Removes the image; not found is success. */
  remove(reference: PinnedReference, signal: AbortSignal): Promise<void>;
}

export interface PublishRequest {
  readonly layoutDirectory: string;
  /** Registry and repository; a tag or digest in it is ignored. */
  readonly repository: ImageReference;
  readonly tags: readonly string[];
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** A raw disk in the cache; it may be evicted at any time after the call that got it, so link or copy what must stay. */
export interface CachedDisk {
  /** 64 hex digits: image digest (of the platform's manifest) plus options. */
  readonly identity: string;
  readonly path: string;
  readonly sizeBytes: number;
  /** Of the raw bytes. */
  readonly digest: Digest;
  /** The same bytes in the registry, where the disk was asked for with `sharing`. */
  readonly artifact?: SharedArtifact;
}

export interface DiskRequest {
  readonly image: PinnedReference;
  readonly options: DiskOptions;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
  /** Told what is in the image, before anything is written and for a disk that is there already; what it throws ends the work. */
  readonly inspect?: (facts: ImageFacts) => void;
  /** Files that will be asked for next: written in the same pass when the disk has to be made. */
  readonly files?: readonly Pick<ExportRequest, "format" | "directory" | "baseName">[];
  /** Takes the disk from the image's repository when it is there; else it is made here and put there. */
  readonly sharing?: DiskSharing;
}

export interface ExportRequest extends DiskRequest {
  readonly format: DiskFormat;
  /** Folder that receives the file; made when missing. */
  readonly directory: string;
  /** File name without extension. */
  readonly baseName: string;
}

/** Size and digest are the file's own. */
export type ExportedFile = Pick<CachedDisk, "path" | "sizeBytes" | "digest"> & { readonly format: DiskFormat };

export interface Disks {
  /** Pure: the identity that `make` would use for an image manifest digest. */
  identity(image: Digest, options: DiskOptions): string;
  /** The cached disk, or one made now. */
  make(request: DiskRequest): Promise<CachedDisk>;
  /** Writes (or finds unchanged) one file of the given format, made from the cached disk. */
  export(request: ExportRequest): Promise<ExportedFile>;
  /** What the image's repository says of the disk, unproven. */
  published(request: Pick<DiskRequest, "image" | "options" | "signal">): Promise<PublishedDisk | undefined>;
  /** Removes a disk from its registry; not found is success. */
  unpublish(artifact: PinnedReference, signal: AbortSignal): Promise<void>;
  /** What a file on this computer is as a boot loader; `refused` are words that follow the property's name. */
  bootLoader(path: string, platform: Platform): Promise<{ readonly digest: Digest } | { readonly refused: string }>;
}

export interface MachineFacts extends HostFacts {
  /** Forwarded ports in force: guest port to port on 127.0.0.1. */
  readonly ports: Readonly<Record<string, number>>;
  readonly processId?: number;
  /** Serial console log. */
  readonly console: string;
  /** Hash of the settings that the machine was started with; the resource compares it and says `mustRestart`. */
  readonly settingsHash?: string;
  /** Identity of the disk that the machine was started from; compared like the settings. */
  readonly diskIdentity?: string;
}

export interface MachineDriver extends HostDriver {
  observe(host: string, signal: AbortSignal): Promise<MachineFacts>;
}

export interface MachineTarget {
  readonly image: PinnedReference;
  /** Makes or finds the disk when the first machine needs it. */
  readonly disk: () => Promise<CachedDisk>;
  readonly settings: Readonly<Record<string, MachineSettings>>;
  readonly healthCheck?: HealthCheck;
  readonly report: (text: string) => void;
}

/** Property trees as JSON, without secrets' marks: hosts keep them and do not read them. */
export interface RememberedGroup {
  readonly args: object;
  readonly state: object;
}

/** `elsewhere`: when and from where somebody else changed the machines last, as the end of a sentence. */
export type RecalledGroup = RememberedGroup & { readonly elsewhere?: string };

/** The machines of one group on this computer, found again by the group's key. */
export interface MachineGroupPort {
  /** Keeps what a run answered the engine beside the machines, for an import. */
  remember(group: RememberedGroup): Promise<void>;
  /** Undefined when no run has ended since the machines were made. */
  recall(): Promise<RecalledGroup | undefined>;
  /** All machines that exist under the key, whatever the program says. Asks processes, changes nothing. */
  observe(healthCheck: HealthCheck | undefined, signal: AbortSignal): Promise<readonly MachineFacts[]>;
  /** For a run without a state: throws when the machines under the key were made by another program or backend. */
  refuseStrangers(): Promise<void>;
  driver(target: MachineTarget): MachineDriver;
  /** Stops a machine and removes it; `dataDisks` too when told. */
  remove(name: string, options: { readonly dataDisks: boolean; readonly signal: AbortSignal }): Promise<void>;
  /** Removes what belongs to the group itself, once no machine is left. */
  removeGroup(signal: AbortSignal): Promise<void>;
}

export interface Machines {
  /** Names the missing programs and firmware, with what installs them; tries KVM for real. Throws a Failure. */
  preflight(settings: MachineSettings, signal: AbortSignal): Promise<{ readonly accelerator: "kvm" | "tcg"; readonly remark?: string }>;
  /** `key` is the URN, with the organization before it where there are several. */
  group(key: string): MachineGroupPort;
  /** The keys of all groups on this computer, and the folder that they are in. */
  list(): Promise<{ readonly directory: string; readonly keys: readonly string[] }>;
  /** The hash that `MachineFacts.settingsHash` would have. */
  settingsHash(settings: MachineSettings): string;
}
