/** What engines that run containers have in common: rights first, images into podman's storage, and nothing left behind. */
import { createHash } from "node:crypto";
import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Failure, retell } from "../failure.ts";
import type { LoadedImage } from "../model/disk-container.ts";
import { loadedName } from "../model/disk-container.ts";
import type { DiskOptions } from "../model/disk.ts";
import { digestHex } from "../model/digest.ts";
import type { PinnedReference } from "../model/image-reference.ts";
import type { OnProgress, OpenImage } from "../resources/ports.ts";
import { checkFolder } from "./bootc-engine-preflight.ts";
import type { DiskContainers, DiskPrograms } from "./programs.ts";

export interface ContainerMaking {
  readonly reference: PinnedReference;
  /** Settled: the engine is named, and so is what updates follow. */
  readonly options: DiskOptions;
  readonly identity: string;
  /** Fetches an image for the options' platform. */
  readonly open: (reference: PinnedReference) => Promise<OpenImage>;
  readonly programs: Pick<DiskPrograms, "containers" | "listing">;
  /** Private, empty, and removed by whoever made it; beside it lie only others of the same cache. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/**
 * The name of containers and images for a disk: the same in the next run, which can so remove what a killed one left,
 * and another one in another cache, whose lock we do not hold.
 */
export function containerName(directory: string, identity: string): string {
  const hash = createHash("sha256").update(JSON.stringify([dirname(directory), identity]));
  return `bootable-${hash.digest("hex").slice(0, 24)}`;
}

/** Told apart on loop devices by its name alone. */
export function diskFile(name: string): string {
  return `${name}.raw`;
}

interface Names {
  /** Of images that are loaded. */
  readonly loads: readonly string[];
  /** More names that they get. */
  readonly aliases?: readonly string[];
}

/** Containers, loop devices and images go in every case; a failure says when they did not. */
export async function withContainers<T>(making: ContainerMaking, { loads, aliases = [] }: Names, work: () => Promise<T>): Promise<T> {
  const { programs, directory, identity } = making;
  const name = containerName(directory, identity);
  const leftovers = {
    containers: loads,
    images: [...aliases, ...loads.map(loadedName)],
    fileName: diskFile(name),
  };
  checkFolder(directory);
  await programs.containers.tidy(leftovers);
  let result: T;
  try {
    result = await work();
  } catch (error) {
    const left = await programs.containers.tidy(leftovers);
    if (!(error instanceof Failure)) throw error;
    const rest = left.length === 0 ? "Nothing was left behind." : `Still there, since it could not be removed: ${left.join(", ")}.`;
    throw retell(error, { message: `${error.message} ${rest}` });
  }
  await programs.containers.tidy(leftovers);
  return result;
}

interface Loading {
  readonly image: OpenImage;
  readonly name: string;
  readonly alias?: string;
  readonly directory: string;
  readonly containers: DiskContainers;
  readonly signal: AbortSignal;
}

/** Podman reads the bytes that the store holds, and checks them too; a digest that it tells otherwise is a failure. */
export async function loadIntoPodman({ image, name, alias, directory, containers, signal }: Loading): Promise<LoadedImage> {
  await writeLayout(join(directory, name), image);
  const loaded = await containers.load({ directory, name, ...(alias === undefined ? {} : { alias }), signal });
  if (loaded.digest === image.digest) return loaded;
  throw new Failure({
    kind: "tool",
    code: "wrong-digest",
    message: `podman has the image as ${loaded.digest}, and ${image.digest} was given to it.`,
    fix: "update podman: it must keep an image's bytes.",
  });
}

/** An OCI layout whose blobs are the store's own. */
async function writeLayout(layout: string, { digest, blobs }: OpenImage): Promise<void> {
  const path = join(blobs, digestHex(digest));
  const { mediaType } = JSON.parse(await readFile(path, "utf8")) as { readonly mediaType?: string };
  const manifest = { mediaType: mediaType ?? "application/vnd.oci.image.manifest.v1+json", digest, size: (await stat(path)).size };
  const annotations = { "org.opencontainers.image.ref.name": loadedName(layout.slice(layout.lastIndexOf("/") + 1)) };
  await mkdir(join(layout, "blobs"), { recursive: true });
  await symlink(blobs, join(layout, "blobs", "sha256"));
  await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }));
}
