/** Images made of layers that a test writes, behind the port through which disks see registries and the local store. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { Failure } from "../../provider/failure.ts";
import type { Digest } from "../../provider/model/digest.ts";
import type { DiskOptions } from "../../provider/model/disk.ts";
import type { PinnedReference } from "../../provider/model/image-reference.ts";
import type { DiskRequest, Images, Layer } from "../../provider/resources/ports.ts";
import { tar, type TarInput } from "./tar-writer.ts";

export const amd64 = { os: "linux", architecture: "amd64" };

export const plainOptions: DiskOptions = {
  filesystem: "ext4",
  kernelArguments: [],
  engine: "auto",
  platform: amd64,
  rootSshAuthorizedKeys: [],
};

/** The least that the direct engine takes for bootable. */
export const bootable: readonly TarInput[] = [
  { path: "usr/lib/systemd/systemd", content: "systemd", mode: 0o755 },
  { path: "boot/vmlinuz-6.12.9-cloud-amd64", content: "older kernel" },
  { path: "boot/initrd.img-6.12.9-cloud-amd64", content: "older initramfs" },
  { path: "boot/vmlinuz-6.12.10-cloud-amd64", content: "kernel" },
  { path: "boot/initrd.img-6.12.10-cloud-amd64", content: Buffer.alloc(200_000, "initramfs") },
  { path: "usr/lib/systemd/boot/efi/systemd-bootx64.efi", content: "loader" },
];

export function sha256(bytes: Buffer | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export function layer(bytes: Buffer, mediaType = "application/vnd.oci.image.layer.v1.tar+gzip"): Layer {
  return { digest: sha256(bytes), mediaType, sizeBytes: bytes.length, open: () => Readable.from(chunks(bytes)) };
}

/** Small and uneven, so that headers and bodies lie across their edges. */
function* chunks(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 60_001) yield bytes.subarray(at, at + 60_001);
}

export interface LayeredImage {
  readonly images: Images;
  readonly reference: PinnedReference;
  readonly digest: Digest;
}

export function layeredImage(layers: readonly (readonly TarInput[] | Layer)[], platform = amd64): LayeredImage {
  const made = layers.map((entries) => ("open" in entries ? entries : layer(gzipSync(tar(entries)))));
  const digest = sha256(made.map((one) => one.digest).join());
  const description = {
    digest,
    platformDigests: { [`${platform.os}/${platform.architecture}`]: digest },
    sizeBytes: made.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    labels: {},
  };
  const unused = (): Promise<never> => Promise.reject(new Failure({ kind: "bug", message: "Disks have no business with this." }));
  return {
    digest,
    reference: { registry: "local", repository: "os", digest },
    images: {
      describe: (reference) => Promise.resolve(reference.digest === digest ? description : undefined),
      open: () => Promise.resolve({ digest, platform, labels: {}, layers: made, blobs: "/none" }),
      resolve: unused,
      publish: unused,
      tag: unused,
      remove: unused,
    },
  };
}

export function requestFor(image: LayeredImage, options: Partial<DiskOptions> = {}): DiskRequest {
  return {
    image: image.reference,
    options: { ...plainOptions, ...options },
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
}
