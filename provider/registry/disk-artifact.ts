/**
 * A raw disk as an OCI artifact: a manifest whose subject is the image that the disk was made from, a configuration that says
 * which disk it is, and a layer for each piece that is not all zero. Pure. Source: OCI image spec 1.1, manifest.md.
 */
import { Failure } from "../failure.ts";
import { isDigest, type Digest } from "../model/digest.ts";
import { diskName, type DiskChunk, type DiskPlace, type PublishedDisk } from "../model/published-disk.ts";
import { parseShape, shapeAt, textAt, type Shape } from "./json-shape.ts";
import { digestOf, isIndex, maxDocumentBytes, type Descriptor, type Document } from "./manifest.ts";

export const diskArtifactType = "application/vnd.bootable.disk.v1";
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const configurationType = "application/vnd.bootable.disk.config.v1+json";
const chunkType = "application/vnd.bootable.disk.chunk.v1+zstd";

const keys = { offset: "bootable.disk.offset", length: "bootable.disk.length", digest: "bootable.disk.digest" } as const;

/** ext4 in 4 KiB blocks with 32-bit numbers ends here; what says more is no disk of ours. */
const maxDiskBytes = 16 * 1024 ** 4;
const maxDiskConfigurationBytes = 64 * 1024;

function brokenArtifact(name: string, why: string): Failure {
  return new Failure({
    kind: "remote",
    code: "broken-artifact",
    message: `The published disk ${name} cannot be used: ${why}.`,
    fix: "delete that tag in the registry, and run pulumi up again, which publishes the disk anew.",
  });
}

export interface DiskContent {
  /** Of the raw bytes. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly chunks: readonly DiskChunk[];
}

/** The configuration's bytes: the same for the same disk everywhere. */
export function diskConfiguration({ identity, subject }: DiskPlace, { digest, sizeBytes }: DiskContent): Buffer {
  return Buffer.from(JSON.stringify({ identity, image: subject, format: "raw", sizeBytes, digest }));
}

function descriptorOf(mediaType: string, blob: { readonly digest: Digest; readonly sizeBytes: number }): Shape {
  return { mediaType, digest: blob.digest, size: blob.sizeBytes };
}

/** `subject`: the manifest of the image's platform. */
export function diskManifest(place: DiskPlace, subject: Document, disk: DiskContent): Document {
  const configuration = diskConfiguration(place, disk);
  const config: Descriptor = {
    mediaType: configurationType,
    digest: digestOf(configuration),
    sizeBytes: configuration.length,
    annotations: {},
  };
  const chunks = disk.chunks.map((chunk) => ({ chunk, annotations: annotationsOf(chunk) }));
  const shape = {
    schemaVersion: 2,
    mediaType: manifestType,
    artifactType: diskArtifactType,
    config: descriptorOf(configurationType, config),
    layers: chunks.map(({ chunk, annotations }) => ({ ...descriptorOf(chunkType, chunk.blob), annotations })),
    subject: descriptorOf(subject.mediaType, { digest: subject.digest, sizeBytes: subject.bytes.length }),
  };
  const bytes = Buffer.from(JSON.stringify(shape));
  if (bytes.length > maxDocumentBytes) throw tooLarge(place, disk);
  const layers = chunks.map(({ chunk, annotations }) => ({ mediaType: chunkType, ...chunk.blob, annotations }));
  return { digest: digestOf(bytes), mediaType: manifestType, bytes, content: { config, layers } };
}

function annotationsOf({ offsetBytes, lengthBytes, digest }: DiskChunk): Readonly<Record<string, string>> {
  return { [keys.offset]: String(offsetBytes), [keys.length]: String(lengthBytes), [keys.digest]: digest };
}

function tooLarge(place: DiskPlace, { chunks }: DiskContent): Failure {
  return new Failure({
    kind: "input",
    code: "disk-too-large",
    message: `The disk ${diskName(place)} has ${chunks.length} pieces with data, and a manifest that names them all is larger than registries take (4 MiB). It was not published.`,
    fix: "leave publish out, or make the image smaller.",
  });
}

/** The disk's configuration among what the manifest names; refuses what is no disk of the image asked for. */
export function checkedConfiguration(document: Document, place: DiskPlace): Descriptor {
  const name = diskName(place);
  const shape = parseShape(Buffer.from(document.bytes).toString("utf8")) ?? {};
  const type = textAt(shape, "artifactType") ?? "none";
  if (isIndex(document.content) || type !== diskArtifactType)
    throw brokenArtifact(name, `its type is ${shown(type)}, not ${diskArtifactType}`);
  const subject = textAt(shapeAt(shape, "subject"), "digest") ?? "none";
  if (subject !== place.subject) throw brokenArtifact(name, `it belongs to the image ${shown(subject)}, not to ${place.subject}`);
  const { config } = document.content;
  if (config.sizeBytes > maxDiskConfigurationBytes) throw brokenArtifact(name, `its configuration has ${config.sizeBytes} bytes`);
  return config;
}

/** What came from outside, fit for a message of one line. */
function shown(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, " ").slice(0, 100);
}

/** Manifest and configuration, both read by digest, as the disk asked for. */
export function parseDisk(document: Document, configuration: Uint8Array, place: DiskPlace): PublishedDisk {
  const name = diskName(place);
  const shape = parseShape(Buffer.from(configuration).toString("utf8")) ?? {};
  const identity = textAt(shape, "identity") ?? "none";
  if (identity !== place.identity) throw brokenArtifact(name, `it is the disk ${shown(identity)}, not ${place.identity}`);
  const format = textAt(shape, "format") ?? "none";
  if (format !== "raw") throw brokenArtifact(name, `its format is ${shown(format)}, not raw`);
  const [digest, sizeBytes] = [textAt(shape, "digest") ?? "", shape["sizeBytes"]];
  if (!isDigest(digest)) throw brokenArtifact(name, "it does not give the digest of its bytes");
  if (typeof sizeBytes !== "number" || !Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes > maxDiskBytes)
    throw brokenArtifact(name, "it does not give a size that a disk can have");
  const layers = isIndex(document.content) ? [] : document.content.layers;
  const { registry, repository } = place.repository;
  return { artifact: { registry, repository, digest: document.digest }, digest, sizeBytes, chunks: chunksOf(layers, sizeBytes, name) };
}

/** In order, apart from each other, and within the disk. */
function chunksOf(layers: readonly Descriptor[], sizeBytes: number, name: string): readonly DiskChunk[] {
  let end = 0;
  return layers.map((layer, index) => {
    const [offsetBytes, lengthBytes] = [bytesAt(layer, keys.offset), bytesAt(layer, keys.length)];
    const digest = layer.annotations[keys.digest] ?? "";
    if (offsetBytes === undefined || lengthBytes === undefined || !isDigest(digest))
      throw brokenArtifact(name, `piece ${index + 1} does not say where it belongs`);
    if (offsetBytes < end || offsetBytes + lengthBytes > sizeBytes)
      throw brokenArtifact(name, `piece ${index + 1} lies over another, or past the end`);
    // What is compressed is never much larger than what it was.
    if (lengthBytes === 0 || layer.sizeBytes > lengthBytes + lengthBytes / 64 + 1024)
      throw brokenArtifact(name, `piece ${index + 1} has a size that it cannot have`);
    end = offsetBytes + lengthBytes;
    return { offsetBytes, lengthBytes, digest, blob: { digest: layer.digest, sizeBytes: layer.sizeBytes } };
  });
}

function bytesAt(layer: Descriptor, key: string): number | undefined {
  const text = layer.annotations[key] ?? "";
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}
