/** An OCI layout on disk with one image, for other people's programs. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "./layered-image.ts";

/** `layers` are uncompressed archives. */
export async function writeLayout(directory: string, layers: readonly Buffer[]): Promise<void> {
  const blobs = join(directory, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  const put = async (content: Buffer, mediaType: string): Promise<object> => {
    const digest = sha256(content);
    await writeFile(join(blobs, digest.slice("sha256:".length)), content);
    return { mediaType, digest, size: content.length };
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const config = {
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(sha256) },
    history: layers.map(() => ({ created_by: "test" })),
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: await put(json(config), "application/vnd.oci.image.config.v1+json"),
    layers: await Promise.all(layers.map((layer) => put(layer, "application/vnd.oci.image.layer.v1.tar"))),
  };
  const entry = await put(json(manifest), manifest.mediaType);
  await writeFile(join(directory, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  await writeFile(join(directory, "index.json"), json({ schemaVersion: 2, manifests: [entry] }));
}
