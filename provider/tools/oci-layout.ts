/** Finishes an OCI layout that a builder wrote: one entry in its index, for several platforms an image index. */
import { createHash } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import { formatPlatform, type Platform } from "../model/platform.ts";

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

const entryName = "org.opencontainers.image.ref.name";
const indexMediaType = "application/vnd.oci.image.index.v1+json";

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, "utf8"));
}

async function readIndex(layout: string): Promise<readonly Descriptor[]> {
  const index = (await readJson(join(layout, "index.json"))) as { readonly manifests?: readonly Descriptor[] };
  return index.manifests ?? [];
}

function blobPath(layout: string, digest: string): string {
  const [algorithm = "", hex = ""] = digest.split(":");
  if (algorithm !== "sha256" || !/^[0-9a-f]{64}$/.test(hex)) {
    throw new Failure({
      kind: "tool",
      message: `The builder wrote an image with the digest ${JSON.stringify(digest)}; sha256 is expected.`,
    });
  }
  return join(layout, "blobs", algorithm, hex);
}

async function readBlob(layout: string, digest: string): Promise<unknown> {
  return readJson(blobPath(layout, digest));
}

interface Manifest {
  readonly config: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Configuration extends Platform {
  readonly history?: readonly { readonly comment?: string }[];
}

export interface PlatformImage extends Descriptor {
  readonly platform: Platform;
}

/**
 * The entry of that name, with the platform that its configuration states, freed of what depends on the builder's
 * cache: in comments of the history and in two annotations buildah names the steps before, by ids that differ with
 * the cache and by names that it made up (`docker.io/library/c43d…-tmp`).
 */
export async function takeEntry(layout: string, name: string): Promise<PlatformImage> {
  const entry = (await readIndex(layout)).find(({ annotations }) => annotations?.[entryName] === name);
  if (entry === undefined) {
    throw new Failure({ kind: "tool", message: "The builder wrote no image into its OCI layout, though it reported success." });
  }
  const manifest = (await readBlob(layout, entry.digest)) as Manifest;
  const configuration = (await readBlob(layout, manifest.config.digest)) as Configuration;
  const config = await replaceBlob(layout, manifest.config, withoutSteps(configuration));
  const { digest, size } = await replaceBlob(layout, entry, { ...manifest, config, annotations: withoutBase(manifest.annotations) });
  const { os, architecture, variant } = configuration;
  const platform = { architecture, os, ...(variant === undefined || variant === "" ? {} : { variant }) };
  return { mediaType: entry.mediaType, digest, size, platform };
}

function withoutSteps(configuration: Configuration): Configuration {
  const history = configuration.history?.map(({ comment, ...step }) =>
    comment === undefined || comment.startsWith("FROM ") ? step : { ...step, comment },
  );
  return history === undefined ? configuration : { ...configuration, history };
}

function withoutBase(annotations: Readonly<Record<string, string>> = {}): Record<string, string> | undefined {
  const kept = Object.entries(annotations).filter(([name]) => !name.startsWith("org.opencontainers.image.base."));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

async function replaceBlob(layout: string, old: Descriptor, value: unknown): Promise<Descriptor> {
  const replacement = await writeBlob(layout, value);
  if (replacement.digest !== old.digest) await rm(blobPath(layout, old.digest));
  return { ...old, ...replacement };
}

async function writeBlob(layout: string, value: unknown): Promise<{ readonly digest: string; readonly size: number }> {
  const bytes = Buffer.from(JSON.stringify(value));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  await writeFile(blobPath(layout, digest), bytes);
  return { digest, size: bytes.length };
}

/** Makes the images the one content of the layout: a single one as it is, several as an index in their order. */
export async function joinEntries(layout: string, images: readonly PlatformImage[]): Promise<void> {
  const [only] = images;
  if (only !== undefined && images.length === 1) {
    const { platform: _, ...descriptor } = only;
    return writeIndex(layout, descriptor);
  }
  const repeated = images.find((image, index) => images.findIndex((other) => other.digest === image.digest) !== index);
  if (repeated !== undefined) {
    throw new Failure({ kind: "input", message: `platforms: ${formatPlatform(repeated.platform)} is named twice.` });
  }
  const index = await writeBlob(layout, { schemaVersion: 2, mediaType: indexMediaType, manifests: images });
  await writeIndex(layout, { mediaType: indexMediaType, ...index });
}

/** For a builder that writes the index itself: takes names and other annotations off the one entry. */
export async function keepOnlyEntry(layout: string): Promise<void> {
  const [entry, ...more] = await readIndex(layout);
  if (entry === undefined || more.length > 0) {
    throw new Failure({
      kind: "tool",
      message: `The builder wrote ${more.length + (entry ? 1 : 0)} images into its OCI layout; one is expected.`,
    });
  }
  await writeIndex(layout, { mediaType: entry.mediaType, digest: entry.digest, size: entry.size });
}

async function writeIndex(layout: string, entry: Descriptor): Promise<void> {
  await writeFile(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, mediaType: indexMediaType, manifests: [entry] }));
}

/** Moves a finished layout into an empty folder on the same file system; index.json comes last. */
export async function moveLayout(from: string, to: string): Promise<void> {
  for (const name of ["blobs", "oci-layout", "index.json"]) await rename(join(from, name), join(to, name));
}
