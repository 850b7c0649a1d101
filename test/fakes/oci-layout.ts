/** Small OCI layouts, written file by file as the image spec has it, independent of the code under test. */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "../../provider/model/digest.ts";

export function sha256(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export interface MadeImage {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly manifest: Buffer;
  /** Digest to bytes: configuration, layers, and manifests of an index. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
}

export interface ImageParts {
  readonly layers?: readonly Uint8Array[];
  readonly architecture?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly entrypoint?: readonly string[];
}

const oci = "application/vnd.oci.image";

/** Layers are any bytes: nobody here unpacks them. */
export function makeImage({
  layers = [Buffer.from("layer one"), Buffer.from("layer two")],
  architecture = "amd64",
  labels = {},
  entrypoint,
}: ImageParts = {}): MadeImage {
  const configuration = Buffer.from(
    JSON.stringify({
      created: "2026-01-02T03:04:05Z",
      os: "linux",
      architecture,
      config: { Labels: labels, ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }) },
      rootfs: { type: "layers", diff_ids: layers.map((layer) => sha256(layer)) },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${oci}.manifest.v1+json`,
      config: { mediaType: `${oci}.config.v1+json`, digest: sha256(configuration), size: configuration.length },
      layers: layers.map((layer) => ({ mediaType: `${oci}.layer.v1.tar`, digest: sha256(layer), size: layer.length })),
    }),
  );
  const blobs = new Map([configuration, ...layers].map((blob) => [sha256(blob), blob]));
  return { digest: sha256(manifest), mediaType: `${oci}.manifest.v1+json`, manifest, blobs };
}

export function makeIndex(images: Readonly<Record<string, MadeImage>>): MadeImage {
  const manifests = Object.entries(images).map(([architecture, image]) => ({
    mediaType: image.mediaType,
    digest: image.digest,
    size: image.manifest.length,
    platform: { os: "linux", architecture },
  }));
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: `${oci}.index.v1+json`, manifests }));
  const blobs = new Map(Object.values(images).flatMap((image) => [...image.blobs, [image.digest, image.manifest] as const]));
  return { digest: sha256(manifest), mediaType: `${oci}.index.v1+json`, manifest, blobs };
}

export async function writeLayout(folder: string, image: MadeImage): Promise<string> {
  const blobs = join(folder, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  for (const [digest, bytes] of [...image.blobs, [image.digest, image.manifest] as const])
    await writeFile(join(blobs, digest.slice(7)), bytes);
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const entry = { mediaType: image.mediaType, digest: image.digest, size: image.manifest.length };
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  return folder;
}
