/** Opens one platform of an image: its layers come into the store, verified, and are read from there. */
import { Failure } from "../failure.ts";
import { formatPlatform, samePlatform, type Platform } from "../model/platform.ts";
import { formatImageReference, type PinnedReference } from "../model/image-reference.ts";
import type { Layer, OnProgress, OpenImage } from "../resources/ports.ts";
import { readConfiguration, type PlatformImage, type Reading } from "./describe.ts";
import { isImagePlatform, isIndex, type Descriptor, type Document } from "./manifest.ts";
import { forEachAtOnce } from "./parallel.ts";

const downloadsAtOnce = 3;

export interface Opening extends Reading {
  readonly reference: PinnedReference;
  readonly platform: Platform;
  readonly onProgress: OnProgress;
}

function foreignPlatform(opening: Opening, has: readonly Platform[]): Failure {
  return new Failure({
    kind: "input",
    code: "foreign-platform",
    message: `Image ${formatImageReference(opening.reference)} is for ${has.map(formatPlatform).join(", ")}, and ${formatPlatform(opening.platform)} was asked for.`,
    fix: "ask for a platform that the image is built for, or add this one to the platforms of the Image.",
  });
}

async function readDocument(opening: Opening, digest: PinnedReference["digest"]): Promise<Document> {
  const document = await opening.source.document(digest, opening.task);
  if (document !== undefined) return document;
  throw new Failure({
    kind: "remote",
    code: "not-found",
    message: `${opening.task.failing}: it has no manifest ${digest}.`,
    fix: "build and push the image again, or set image to one that exists.",
  });
}

async function selectPlatform(opening: Opening): Promise<PlatformImage> {
  const root = await readDocument(opening, opening.reference.digest);
  let { digest, content } = root;
  if (isIndex(content)) {
    const children = content.manifests.filter((child) => isImagePlatform(child.platform));
    const child = children.find((one) => one.platform !== undefined && samePlatform(one.platform, opening.platform));
    if (child === undefined) {
      throw foreignPlatform(
        opening,
        children.flatMap((one) => one.platform ?? []),
      );
    }
    ({ digest, content } = await readDocument(opening, child.digest));
  }
  if (isIndex(content)) throw foreignPlatform(opening, []);
  const configuration = await readConfiguration(opening, content.config);
  if (!samePlatform(configuration.platform, opening.platform)) throw foreignPlatform(opening, [configuration.platform]);
  return { digest, manifest: content, configuration };
}

function layerOf(opening: Opening, blob: Descriptor): Layer {
  return {
    digest: blob.digest,
    mediaType: blob.mediaType,
    sizeBytes: blob.sizeBytes,
    open: () => opening.store.stream(blob, () => opening.source.ensure(blob, opening.task)),
  };
}

export async function openImage(opening: Opening): Promise<OpenImage> {
  const image = await selectPlatform(opening);
  const { layers } = image.manifest;
  // The same empty layer often comes several times.
  const blobs = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
  const totalBytes = blobs.reduce((sum, layer) => sum + layer.sizeBytes, 0);
  let doneBytes = 0;
  const onBytes = (count: number): void => {
    doneBytes += count;
    opening.onProgress({ phase: "fetching", doneBytes: Math.min(doneBytes, totalBytes), totalBytes });
  };
  await forEachAtOnce(blobs, downloadsAtOnce, (layer) => opening.source.ensure(layer, opening.task, onBytes));
  return {
    digest: image.digest,
    platform: image.configuration.platform,
    labels: image.configuration.labels,
    layers: layers.map((layer) => layerOf(opening, layer)),
    blobs: opening.store.blobs,
  };
}
