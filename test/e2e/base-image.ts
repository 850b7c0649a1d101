/** Puts the guests' base root file system into a registry, as the one-layer image that Containerfiles start from. */
import { execFile } from "node:child_process";
import { createHash, type Hash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGzip } from "node:zlib";

const runFile = promisify(execFile);

function hashing(hash: Hash): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

async function writeJson(blobs: string, mediaType: string, value: unknown): Promise<Descriptor> {
  const text = JSON.stringify(value);
  const hex = createHash("sha256").update(text).digest("hex");
  await writeFile(join(blobs, hex), text);
  return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(text) };
}

/** An OCI layout whose one image has the tar as its layer. */
export async function writeLayout(tar: string, layout: string): Promise<void> {
  const blobs = join(layout, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  const plain = createHash("sha256");
  const packed = createHash("sha256");
  const layer = join(layout, "layer");
  await pipeline(
    createReadStream(tar, { highWaterMark: 1 << 20 }),
    hashing(plain),
    createGzip({ level: 1 }),
    hashing(packed),
    createWriteStream(layer),
  );
  const layerDigest = packed.digest("hex");
  const size = (await stat(layer)).size;
  await rename(layer, join(blobs, layerDigest));
  const rootfs = { type: "layers", diff_ids: [`sha256:${plain.digest("hex")}`] };
  const created = "2025-01-01T00:00:00Z";
  // Builders count a base image's layers by its history.
  const history = [{ created, created_by: "mmdebstrap" }];
  const configuration = { architecture: "amd64", os: "linux", created, config: {}, rootfs, history };
  const config = await writeJson(blobs, "application/vnd.oci.image.config.v1+json", configuration);
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const layers = [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: `sha256:${layerDigest}`, size }];
  const manifest = await writeJson(blobs, manifestType, { schemaVersion: 2, mediaType: manifestType, config, layers });
  const annotations = { "org.opencontainers.image.ref.name": "base" };
  await writeFile(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }));
  await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}

/** The reference of the base image in `registry` ("127.0.0.1:5000"); pushed by skopeo unless it is there. */
export async function pushBaseImage(tar: string, registry: string): Promise<string> {
  const tag = basename(tar, ".tar");
  const reference = `${registry}/guest/base:${tag}`;
  const known = await fetch(`http://${registry}/v2/guest/base/manifests/${tag}`, {
    method: "HEAD",
    headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
  });
  if (known.ok) return reference;
  const layout = await mkdtemp(join(tmpdir(), "bootable-base-"));
  try {
    await writeLayout(tar, layout);
    await runFile("skopeo", ["copy", "--dest-tls-verify=false", `oci:${layout}:base`, `docker://${reference}`]);
  } finally {
    await rm(layout, { recursive: true, force: true });
  }
  return reference;
}
