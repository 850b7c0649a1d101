/** Manifests, indexes and configurations: OCI image spec 1.1 and Docker schema 2. Pure; everything is taken for hostile. */
import { createHash } from "node:crypto";
import { Failure } from "../failure.ts";
import { isDigest, type Digest } from "../model/digest.ts";
import type { Platform } from "../model/platform.ts";
import { isShape, parseShape, shapeAt, shapesAt, textAt, textsOf, type Shape } from "./json-shape.ts";

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly platform?: Platform;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface Index {
  readonly manifests: readonly Descriptor[];
}

/** A manifest or index with the bytes that its digest is of. */
export interface Document {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly content: Manifest | Index;
}

export interface Configuration {
  readonly platform: Platform;
  readonly createdAt?: string;
  readonly labels: Readonly<Record<string, string>>;
}

const manifestTypes = ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
const indexTypes = ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
export const acceptedTypes = [...indexTypes, ...manifestTypes].join(", ");

/** Registries need not take more (OCI distribution spec, "Pushing Manifests"). */
export const maxDocumentBytes = 4 * 1024 ** 2;
export const maxConfigurationBytes = 8 * 1024 ** 2;

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export function isIndex(content: Manifest | Index): content is Index {
  return "manifests" in content;
}

export function isIndexType(mediaType: string): boolean {
  return indexTypes.includes(mediaType);
}

function broken(name: string, why: string): Failure {
  return new Failure({
    kind: "remote",
    code: "broken-manifest",
    message: `${name} cannot be used: ${why}.`,
    fix: "build and push the image again.",
  });
}

/** Words that are shown, and become keys. */
const platformWord = /^[A-Za-z0-9._-]{1,64}$/;
const printable = /^[\x20-\x7e]{0,255}$/;

function platformOf(shape: Shape): Platform | undefined {
  const os = textAt(shape, "os");
  const architecture = textAt(shape, "architecture");
  const variant = textAt(shape, "variant");
  if (!os || !architecture) return undefined;
  if (![os, architecture, variant || "none"].every((word) => platformWord.test(word))) return undefined;
  return { os, architecture, ...(variant === undefined || variant === "" ? {} : { variant }) };
}

export function parseDescriptor(shape: Shape, name: string): Descriptor {
  const digest = textAt(shape, "digest") ?? "";
  const sizeBytes = shape["size"];
  if (!isDigest(digest))
    throw broken(name, `it names the digest ${JSON.stringify(digest.slice(0, 80))}, and only sha256 digests are known here`);
  if (typeof sizeBytes !== "number" || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
    throw broken(name, `it gives no size for ${digest}`);
  const mediaType = textAt(shape, "mediaType") ?? "";
  if (!printable.test(mediaType)) throw broken(name, `it gives a media type for ${digest} that is no media type`);
  const platform = isShape(shape["platform"]) ? platformOf(shape["platform"]) : undefined;
  return {
    mediaType,
    digest,
    sizeBytes,
    ...(platform === undefined ? {} : { platform }),
    annotations: textsOf(shapeAt(shape, "annotations")),
  };
}

/**
 * `hint` is the media type that came beside the bytes. A document that could be read both as manifest and as index is
 * refused: two readers would see two images (CVE-2021-41190).
 */
export function parseDocument(bytes: Uint8Array, hint: string, name: string): Document {
  const shape = parseShape(Buffer.from(bytes).toString("utf8"));
  if (shape === undefined) throw broken(name, "its manifest is no JSON object");
  if ("manifests" in shape && ("layers" in shape || "config" in shape)) throw broken(name, "its manifest is an index and an image at once");
  const [type = ""] = hint.split(";");
  const kinds = "manifests" in shape ? indexTypes : manifestTypes;
  const mediaType = [textAt(shape, "mediaType"), type.trim()].find((text) => text !== undefined && kinds.includes(text)) ?? kinds[0] ?? "";
  const stated = textAt(shape, "mediaType");
  const version = shape["schemaVersion"];
  if (version !== 2)
    throw broken(
      name,
      `its manifest has ${typeof version === "number" ? `schema version ${version}` : "no schema version"}, and only 2 is known here`,
    );
  if (stated !== undefined && stated !== mediaType) {
    throw broken(name, `its manifest is of type ${JSON.stringify(stated.slice(0, 100))}, which is no image that this provider knows`);
  }
  return { digest: digestOf(bytes), mediaType, bytes, content: contentOf(shape, name) };
}

function contentOf(shape: Shape, name: string): Manifest | Index {
  if ("manifests" in shape) return { manifests: descriptorsAt(shape, "manifests", name) };
  return { config: parseDescriptor(shapeAt(shape, "config"), name), layers: descriptorsAt(shape, "layers", name) };
}

/** All or none: one passed over would be an image with files missing. */
function descriptorsAt(shape: Shape, key: string, name: string): readonly Descriptor[] {
  const items = shapesAt(shape, key);
  const listed = shape[key];
  if (!Array.isArray(listed) || items.length < listed.length) throw broken(name, `its manifest has ${key} that are no list of descriptors`);
  return items.map((item) => parseDescriptor(item, name));
}

export function parseConfiguration(bytes: Uint8Array, name: string): Configuration {
  const shape = parseShape(Buffer.from(bytes).toString("utf8"));
  const platform = shape && platformOf(shape);
  if (shape === undefined || platform === undefined) throw broken(name, "its configuration names no operating system and architecture");
  const createdAt = textAt(shape, "created");
  return {
    platform,
    labels: textsOf(shapeAt(shapeAt(shape, "config"), "Labels")),
    ...(createdAt === undefined || Number.isNaN(Date.parse(createdAt)) ? {} : { createdAt: new Date(createdAt).toISOString() }),
  };
}

/** Attestations and the like sit in an index under the platform unknown/unknown. */
export function isImagePlatform(platform: Platform | undefined): boolean {
  return platform?.os !== "unknown" && platform?.architecture !== "unknown";
}
