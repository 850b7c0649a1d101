/** Which engine makes a disk, settled from the image alone, so that every computer plans the same disk. */
import type { Digest } from "./digest.ts";
import type { DiskOptions } from "./disk.ts";
import { formatImageReference, localRegistry, type ImageReference } from "./image-reference.ts";

/** What an image carries that bootc can install. Source: bootc, docs/src/bootc-images.md. */
export const bootcLabel = "containers.bootc";

export interface EngineImage {
  readonly reference: ImageReference;
  /** Of the platform's manifest. */
  readonly manifest: Digest;
  readonly labels: Readonly<Record<string, string>>;
}

export function isBootcImage(labels: Readonly<Record<string, string>>): boolean {
  return Object.hasOwn(labels, bootcLabel) && labels[bootcLabel] === "1";
}

/**
 * The options with nothing left open that the image decides: `auto` becomes `bootc` for an image that is labelled so,
 * and a disk that updates itself knows what it follows. Everything else stays, and with it the disk's identity.
 * An image of the local store can be followed by nobody: `targetImage` then stays open, which the engines refuse.
 */
export function settleEngine(options: DiskOptions, { reference, manifest, labels }: EngineImage): DiskOptions {
  const engine = options.engine === "auto" && isBootcImage(labels) ? "bootc" : options.engine;
  if (engine !== "bootc" && engine !== "image-builder") return options;
  const { registry, repository } = reference;
  const own = registry === localRegistry ? undefined : formatImageReference({ registry, repository, digest: manifest });
  const targetImage = options.targetImage ?? own;
  return { ...options, engine, ...(targetImage === undefined ? {} : { targetImage }) };
}
