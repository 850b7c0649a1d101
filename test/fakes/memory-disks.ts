/** Disks and the files of them in memory; as with the real ones, the same file is not written twice. */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { Failure } from "../../provider/failure.ts";
import type { Digest } from "../../provider/model/digest.ts";
import { formatImageReference, type PinnedReference } from "../../provider/model/image-reference.ts";
import { settleEngine } from "../../provider/model/disk-engine.ts";
import { diskIdentity } from "../../provider/model/disk-identity.ts";
import type { DiskFormat } from "../../provider/model/disk.ts";
import type { ImageFacts } from "../../provider/model/image-check-facts.ts";
import { manifestFor } from "../../provider/model/platform.ts";
import type { PublishedDisk } from "../../provider/model/published-disk.ts";
import type { CachedDisk, DiskRequest, Disks, ExportRequest, ExportedFile, Images } from "../../provider/resources/ports.ts";
import type { Effects } from "./effects.ts";

const extensions: Readonly<Record<DiskFormat, string>> = {
  raw: ".raw",
  qcow2: ".qcow2",
  vhd: ".vhd",
  vmdk: ".vmdk",
  gce: ".tar.gz",
  iso: ".iso",
};

export class MemoryDisks implements Disks {
  readonly identity = diskIdentity;
  /** Path as the program gave it to content. */
  readonly files = new Map<string, string>();
  readonly unwritable = new Map<DiskFormat, Failure>();
  /** Artifacts in registries: reference to identity. */
  readonly artifacts: Map<string, string>;
  /** Boot loaders on this computer: path to content. */
  readonly bootLoaders = new Map<string, string>();
  readonly trouble: { published?: Failure; unpublish?: Failure } = {};
  /** What is seen in every image. */
  facts: ImageFacts | undefined;
  readonly #made = new Set<string>();
  readonly #images: Images;
  readonly #effects: Effects;

  constructor(images: Images, effects: Effects, artifacts = new Map<string, string>()) {
    this.#images = images;
    this.#effects = effects;
    this.artifacts = artifacts;
  }

  async make(request: DiskRequest): Promise<CachedDisk> {
    const identity = await this.#identify(request);
    if (this.facts !== undefined) request.inspect?.(this.facts);
    const fetched = request.sharing === undefined ? undefined : this.#artifactOf(request, identity);
    if (!this.#made.has(identity)) {
      this.#made.add(identity);
      this.#effects.happened(`${fetched === undefined ? "make" : "fetch"} ${identity.slice(0, 4)}`);
    }
    const disk = { identity, path: `/cache/${identity}.raw`, sizeBytes: 1024, digest: digestOf(identity) };
    if (request.sharing === undefined) return disk;
    if (fetched !== undefined) return { ...disk, artifact: { reference: fetched, pushedHere: false } };
    const reference = artifactReference(request, identity);
    this.artifacts.set(formatImageReference(reference), identity);
    this.#effects.happened(`publish ${identity.slice(0, 4)}`);
    return { ...disk, artifact: { reference, pushedHere: true } };
  }

  async published(request: Pick<DiskRequest, "image" | "options" | "signal">): Promise<PublishedDisk | undefined> {
    if (this.trouble.published !== undefined) throw this.trouble.published;
    const identity = await this.#identify(request);
    const artifact = this.#artifactOf(request, identity);
    const digest = digestOf(identity);
    const chunk = { offsetBytes: 0, lengthBytes: 1024, digest, blob: { digest: digestOf("packed"), sizeBytes: 512 } };
    return artifact === undefined ? undefined : { artifact, digest, sizeBytes: 1024, chunks: [chunk] };
  }

  async unpublish(artifact: PinnedReference): Promise<void> {
    await Promise.resolve();
    this.#effects.live();
    if (this.trouble.unpublish !== undefined) throw this.trouble.unpublish;
    if (this.artifacts.delete(formatImageReference(artifact))) this.#effects.happened("unpublish");
  }

  readonly bootLoader = async (path: string): Promise<{ readonly digest: Digest } | { readonly refused: string }> => {
    await Promise.resolve();
    this.#effects.live();
    const content = this.bootLoaders.get(path);
    return content === undefined ? { refused: `"${path}" is not there` } : { digest: digestOf(content) };
  };

  #artifactOf({ image }: Pick<DiskRequest, "image">, identity: string): PinnedReference | undefined {
    const reference = artifactReference({ image }, identity);
    return this.artifacts.has(formatImageReference(reference)) ? reference : undefined;
  }

  async #identify({ image, options, signal }: Pick<DiskRequest, "image" | "options" | "signal">): Promise<string> {
    const description = await this.#images.describe(image, signal);
    const manifest = manifestFor(description?.platformDigests ?? {}, options.platform);
    if (description === undefined || manifest === undefined) throw new Error(`no manifest of ${image.digest} for the disk`);
    return diskIdentity(manifest, settleEngine(options, { reference: image, manifest, labels: description.labels }));
  }

  async export(request: ExportRequest): Promise<ExportedFile> {
    const { identity } = await this.make(request);
    const { format, directory, baseName } = request;
    const failure = this.unwritable.get(format);
    if (failure !== undefined) throw failure;
    const path = resolve(directory, `${baseName}${extensions[format]}`);
    const content = `${identity} ${format}`;
    if (this.files.get(path) !== content) {
      this.files.set(path, content);
      this.#effects.happened(`write ${baseName}${extensions[format]}`);
    }
    return { path, format, sizeBytes: content.length, digest: digestOf(content) };
  }

  readonly removeFile = async (path: string): Promise<void> => {
    await Promise.resolve();
    this.#effects.live();
    if (this.files.delete(resolve(path))) this.#effects.happened(`remove ${path}`);
  };
}

function artifactReference({ image }: Pick<DiskRequest, "image">, identity: string): PinnedReference {
  return { registry: image.registry, repository: image.repository, digest: digestOf(`artifact of ${identity}`) };
}

function digestOf(text: string): Digest {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
