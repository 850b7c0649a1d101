/** Reads an image's manifests and configuration into a description. */
import { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import { formatPlatform } from "../model/platform.ts";
import type { ImageDescription } from "../resources/ports.ts";
import { blobsOf } from "./layout.ts";
import {
  isImagePlatform,
  isIndex,
  maxConfigurationBytes,
  parseConfiguration,
  type Configuration,
  type Descriptor,
  type Document,
  type Manifest,
} from "./manifest.ts";
import type { Source } from "./repository.ts";
import type { Store } from "./store.ts";
import type { Task } from "./trouble.ts";

export interface Reading {
  readonly source: Source;
  readonly store: Store;
  readonly task: Task;
}

/** One platform's image; its platform as the index names it, else as its configuration does. */
export interface PlatformImage {
  readonly digest: Digest;
  readonly manifest: Manifest;
  readonly configuration: Configuration;
}

const maxImages = 64;

function incomplete(task: Task, what: string): Failure {
  return new Failure({ kind: "remote", code: "incomplete", message: `${task.failing}: ${what}.`, fix: "push the image again." });
}

export async function readConfiguration(reading: Reading, descriptor: Descriptor): Promise<Configuration> {
  const { source, store, task } = reading;
  if (descriptor.sizeBytes > maxConfigurationBytes)
    throw incomplete(task, `its configuration is larger than ${maxConfigurationBytes} bytes`);
  await source.ensure(descriptor, task);
  const bytes = await store.read(descriptor);
  if (bytes === undefined) throw incomplete(task, `its configuration ${descriptor.digest} is not there`);
  return parseConfiguration(bytes, `Image configuration ${descriptor.digest}`);
}

async function readChild(reading: Reading, child: Descriptor): Promise<PlatformImage> {
  const document = await reading.source.document(child.digest, reading.task);
  if (document === undefined) throw incomplete(reading.task, `its index names ${child.digest}, which is not there`);
  if (isIndex(document.content)) throw incomplete(reading.task, `its index names another index, ${child.digest}`);
  const configuration = await readConfiguration(reading, document.content.config);
  const platform = child.platform ?? configuration.platform;
  return { digest: child.digest, manifest: document.content, configuration: { ...configuration, platform } };
}

/** The images behind a manifest or index, in its order. */
async function platformImages(reading: Reading, document: Document): Promise<readonly PlatformImage[]> {
  const { content } = document;
  if (!isIndex(content)) {
    return [{ digest: document.digest, manifest: content, configuration: await readConfiguration(reading, content.config) }];
  }
  const children = content.manifests.filter((child) => isImagePlatform(child.platform));
  if (children.length > maxImages) throw incomplete(reading.task, `its index names ${children.length} images, more than ${maxImages}`);
  const images: PlatformImage[] = [];
  for (const child of children) images.push(await readChild(reading, child));
  return images;
}

export async function describeImage(reading: Reading, document: Document): Promise<ImageDescription> {
  const images = await platformImages(reading, document);
  const blobs = new Map(images.flatMap((image) => blobsOf(image.manifest)).map((blob) => [blob.digest, blob.sizeBytes]));
  const first = images[0]?.configuration;
  return {
    digest: document.digest,
    platformDigests: Object.fromEntries(images.map((image) => [formatPlatform(image.configuration.platform), image.digest])),
    sizeBytes: [...blobs.values()].reduce((sum, size) => sum + size, 0),
    labels: first?.labels ?? {},
    ...(first?.createdAt === undefined ? {} : { createdAt: first.createdAt }),
  };
}
