/** Disks and the files of them in memory; as with the real ones, the same file is not written twice. */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { Failure } from "../../provider/failure.ts";
import type { Digest } from "../../provider/model/digest.ts";
import { diskIdentity } from "../../provider/model/disk-identity.ts";
import type { DiskFormat } from "../../provider/model/disk.ts";
import { manifestFor } from "../../provider/model/platform.ts";
import type { CachedDisk, DiskRequest, Disks, ExportedFile, ExportRequest, Images } from "../../provider/resources/ports.ts";
import type { Effects } from "./effects.ts";

const extensions: Readonly<Record<DiskFormat, string>> = { raw: ".raw", qcow2: ".qcow2", vhd: ".vhd", vmdk: ".vmdk", gce: ".tar.gz" };

export class MemoryDisks implements Disks {
  readonly identity = diskIdentity;
  /** Path as the program gave it to content. */
  readonly files = new Map<string, string>();
  readonly unwritable = new Map<DiskFormat, Failure>();
  readonly #made = new Set<string>();
  readonly #images: Images;
  readonly #effects: Effects;

  constructor(images: Images, effects: Effects) {
    this.#images = images;
    this.#effects = effects;
  }

  async make({ image, options, signal }: DiskRequest): Promise<CachedDisk> {
    const description = await this.#images.describe(image, signal);
    const manifest = manifestFor(description?.platformDigests ?? {}, options.platform);
    if (manifest === undefined) throw new Error(`no manifest of ${image.digest} for the disk`);
    const identity = diskIdentity(manifest, options);
    if (!this.#made.has(identity)) {
      this.#made.add(identity);
      this.#effects.happened(`make ${identity.slice(0, 4)}`);
    }
    return { identity, path: `/cache/${identity}.raw`, sizeBytes: 1024, digest: digestOf(identity) };
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

function digestOf(text: string): Digest {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
