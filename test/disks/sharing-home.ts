/** A computer that shares disks: a store and a cache of its own, and disks whose bytes a test gives instead of an engine. */
import { createHash } from "node:crypto";
import { open, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { diskCache } from "../../provider/disks/disk-cache.ts";
import { shareDisk } from "../../provider/disks/published-disk.ts";
import type { Digest } from "../../provider/model/digest.ts";
import type { ImageReference } from "../../provider/model/image-reference.ts";
import type { DiskSharing } from "../../provider/model/published-disk.ts";
import { images, type Registries } from "../../provider/registry/images.ts";
import type { CachedDisk } from "../../provider/resources/ports.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { plainOptions } from "./layered-image.ts";

export const mebibyte = 1024 ** 2;

/** Data by the byte that it begins at; what lies between is zero. */
export interface DiskBytes {
  readonly sizeBytes: number;
  readonly data: Readonly<Record<number, Buffer>>;
}

/** Bytes that no compression makes small, the same for the same name. */
export function noise(name: string, length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) => createHash("sha256").update(`${name} ${index}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

export async function writeDisk(path: string, { sizeBytes, data }: DiskBytes): Promise<Digest> {
  await writeFile(path, "");
  await truncate(path, sizeBytes);
  await using file = await open(path, "r+");
  for (const [offset, bytes] of Object.entries(data)) await file.write(bytes, 0, bytes.length, Number(offset));
  const hash = createHash("sha256");
  for await (const part of file.createReadStream({ start: 0, autoClose: false })) hash.update(part as Buffer);
  return `sha256:${hash.digest("hex")}`;
}

export interface SharedImage {
  readonly repository: ImageReference;
  /** Of the platform's manifest. */
  readonly digest: Digest;
}

export interface Asked {
  readonly image: SharedImage;
  readonly bytes: DiskBytes;
  readonly known?: DiskSharing["known"];
  readonly sizeBytes?: number;
  readonly signal?: AbortSignal;
}

export interface Home {
  readonly registries: Registries;
  readonly cacheDirectory: string;
  /** What was said and done, in order: warnings as they are, `made` for each disk that was made here. */
  readonly told: string[];
  share(asked: Asked): Promise<CachedDisk>;
}

/** The same for the same image, as real ones are. */
export function identityOf({ digest }: SharedImage): string {
  return createHash("sha256").update(`disk of ${digest}`).digest("hex");
}

export function openHome(folder: string, configHome: string): Home {
  const registries = images({
    storeDirectory: join(folder, "store"),
    runProgram,
    environment: { PATH: process.env["PATH"], HOME: folder, XDG_CONFIG_HOME: configHome, XDG_RUNTIME_DIR: folder },
    patience: { firstDelaySeconds: 0.001, attempts: 2 },
  });
  const cacheDirectory = join(folder, "disks");
  const cache = diskCache({ directory: cacheDirectory, sizeBytes: () => 1024 ** 4 });
  const told: string[] = [];
  const share = ({ image, bytes, known, sizeBytes, signal = new AbortController().signal }: Asked): Promise<CachedDisk> => {
    const identity = identityOf(image);
    const sharing = { onWarning: (text: string) => told.push(text), ...(known === undefined ? {} : { known }) };
    const options = { ...plainOptions, ...(sizeBytes === undefined ? {} : { sizeBytes }) };
    const reference = { ...image.repository, digest: image.digest };
    const request = { image: reference, options, signal, onProgress: () => undefined, sharing };
    const makeHere = async (directory: string) => {
      told.push("made");
      const path = join(directory, "made");
      return { path, digest: await writeDisk(path, bytes) };
    };
    return shareDisk({ artifacts: registries.diskArtifacts, request, identity, manifest: image.digest }, makeHere, (use, work) =>
      cache.use(identity, { signal, ...use }, work),
    );
  };
  return { registries, cacheDirectory, told, share };
}
