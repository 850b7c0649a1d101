/** Images as disks: finds or makes the raw one in the cache, and writes other formats from it. */
import { join } from "node:path";
import { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import { diskIdentity } from "../model/disk-identity.ts";
import { settleEngine } from "../model/disk-engine.ts";
import { formatImageReference } from "../model/image-reference.ts";
import { formatPlatform, manifestFor } from "../model/platform.ts";
import type { DiskArtifacts, DiskSharing } from "../model/published-disk.ts";
import type { CachedDisk, DiskRequest, Disks, Images } from "../resources/ports.ts";
import { readBootLoader } from "./boot-loader-file.ts";
import { checkEngineImage } from "./bootc-engine-preflight.ts";
import { diskCache, type DiskCache } from "./disk-cache.ts";
import { checkEngine, checkFormat, makeWithEngine } from "./engines.ts";
import { exportDisk } from "./export-disk.ts";
import { filesAlongside } from "./files-alongside.ts";
import type { DiskPrograms } from "./programs.ts";
import { checkShared, placeOf, shareDisk, type SharedUse } from "./published-disk.ts";
import type { MadeDisk } from "./made-disk.ts";

export interface DisksOptions {
  readonly images: Images;
  /** Where disks are shared; left out: nowhere. */
  readonly artifacts?: DiskArtifacts;
  readonly programs: DiskPrograms;
  /** Of the provider; disks are kept in `disks` beneath. */
  readonly cacheDirectory: string;
  /** What the cached disks may take together. */
  readonly cacheSizeBytes: () => number;
}

const sharedNowhere: DiskArtifacts = {
  find: () => Promise.resolve(undefined),
  fetch: () => Promise.reject(new Failure({ kind: "bug", message: "Disks are shared nowhere." })),
  publish: () => Promise.reject(new Failure({ kind: "bug", message: "Disks are shared nowhere." })),
  remove: () => Promise.resolve(),
};

export function disks({ images, artifacts = sharedNowhere, programs, cacheDirectory, cacheSizeBytes }: DisksOptions): Disks {
  const directory = join(cacheDirectory, "disks");
  const cache = diskCache({ directory, sizeBytes: cacheSizeBytes });
  const context = { images, artifacts, programs, cache, records: directory };
  return {
    identity: diskIdentity,
    make: async (request) => {
      const identified = await identify(images, request);
      const { sharing } = request;
      if (sharing === undefined) return withDisk(context, identified, (disk) => Promise.resolve(disk));
      return share(context, { ...identified, sharing });
    },
    export: async (request) => {
      const identified = await identify(images, request);
      checkFormat(request.format, identified.options.engine);
      return exportDisk({
        request,
        identity: identified.identity,
        programs,
        cacheDirectory: directory,
        withDisk: (work) => withDisk(context, identified, work),
      });
    },
    published: async (request) => {
      const { identity, manifest } = await identify(images, { ...request, onProgress: () => undefined });
      return artifacts.find(placeOf({ request, identity, manifest }), request.signal);
    },
    unpublish: (artifact, signal) => artifacts.remove(artifact, signal),
    bootLoader: readBootLoader,
  };
}

interface Context {
  readonly images: Images;
  readonly artifacts: DiskArtifacts;
  readonly programs: DiskPrograms;
  readonly cache: DiskCache;
  /** Folder of the records of files that were written. */
  readonly records: string;
}

interface IdentifiedRequest extends DiskRequest {
  readonly identity: string;
  readonly manifest: Digest;
}

async function identify(images: Images, request: DiskRequest): Promise<IdentifiedRequest> {
  if (request.sharing !== undefined) checkShared(request);
  const { manifest, labels } = await platformManifest(images, request);
  const reference = request.image;
  const options = settleEngine(request.options, { reference, manifest, labels });
  checkEngine(options);
  checkEngineImage(options, { reference, labels });
  return { ...request, options, manifest, identity: diskIdentity(manifest, options) };
}

/** Keeps the disk while the work goes on. */
async function withDisk<T>(
  context: Context,
  { use, ...request }: IdentifiedRequest & { readonly use?: SharedUse },
  work: (disk: CachedDisk) => Promise<T>,
): Promise<T> {
  const { identity, signal, onProgress } = request;
  const onWait = (): void => onProgress({ phase: "waiting for another process that has the disk", doneBytes: 0 });
  return context.cache.use(
    identity,
    { signal, onWait, inspect: request.inspect, ...(use ?? { make: (directory) => makeHere(context, request, directory) }) },
    work,
  );
}

async function makeHere({ images, programs, records }: Context, request: IdentifiedRequest, directory: string): Promise<MadeDisk> {
  const { identity } = request;
  await using alongside = filesAlongside(request.files ?? [], identity, records);
  return await makeWithEngine({ images, request, identity, programs, directory, alongside });
}

async function share(context: Context, request: IdentifiedRequest & { readonly sharing: DiskSharing }): Promise<CachedDisk> {
  const { identity, manifest } = request;
  return shareDisk(
    { artifacts: context.artifacts, request, identity, manifest },
    (directory) => makeHere(context, request, directory),
    (use, work) => withDisk(context, { ...request, use }, work),
  );
}

interface PlatformManifest {
  readonly manifest: Digest;
  readonly labels: Readonly<Record<string, string>>;
}

/** The manifest of the wanted platform, without fetching any layer. */
async function platformManifest(images: Images, { image, options, signal }: DiskRequest): Promise<PlatformManifest> {
  const description = await images.describe(image, signal);
  const name = formatImageReference(image);
  if (description === undefined) {
    throw new Failure({
      kind: "remote",
      code: "not-found",
      message: `Image ${name} is not there, so no disk can be made from it.`,
      fix: "run pulumi refresh, then pulumi up, which builds or pushes it again.",
    });
  }
  const found = manifestFor(description.platformDigests, options.platform);
  if (found !== undefined) return { manifest: found, labels: description.labels };
  const offered = Object.keys(description.platformDigests).join(", ");
  throw new Failure({
    kind: "input",
    code: "foreign-platform",
    message: `Image ${name} has no ${formatPlatform(options.platform)}; it has ${offered}. Nothing was written.`,
    fix: "set disk.platform to one that it has, or add the platform to the image's platforms.",
  });
}
