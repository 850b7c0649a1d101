/** One small disk whose bytes must be the same wherever it is made. */
import { disks } from "../../provider/disks/disks.ts";
import { layer, layeredImage, requestFor, type LayeredImage } from "./layered-image.ts";
import { programs } from "./programs.ts";
import { base } from "./stack.ts";
import { tar, type TarInput } from "./tar-writer.ts";
import type { CachedDisk, Layer } from "../../provider/resources/ports.ts";

/** Every kind of file; an attribute block, an extent tree with holes left to others, a directory of several blocks. */
export const sample: readonly TarInput[] = [
  ...base,
  ...["many", "dev"].map((path): TarInput => ({ path, type: "directory", mtimeSeconds: -5 })),
  ...Array.from({ length: 300 }, (_, index) => ({
    path: `many/\xe9${index}`,
    content: "x".repeat(index * 37),
    mtimeSeconds: 2 ** 32 + index,
  })),
  { path: "dev/null", type: "character", device: [1, 3] },
  { path: "dev/fifo", type: "fifo", uid: 4_000_000_000 },
  { path: "etc/attributes", content: "", xattrs: { "user.large": Buffer.alloc(1000, "v"), "trusted.odd\xff": Buffer.from([0, 255]) } },
  { path: "etc/long", type: "symlink", linkTarget: "t".repeat(200) },
  { path: "etc/large", content: Buffer.alloc(3_000_000, "0123456789abcdef-") },
];

export const plainLayer = "application/vnd.oci.image.layer.v1.tar";

/** The image is known by its uncompressed layer, which is the same in every Node. */
export const sampleImage: LayeredImage = layeredImage([layer(tar(sample), plainLayer)]);

/** As if the image had come in other layers, of the same files. */
export function inLayers(layers: readonly Layer[]): LayeredImage {
  const { images, digest } = sampleImage;
  const open = async (...wanted: Parameters<typeof images.open>): ReturnType<typeof images.open> => ({
    ...(await images.open(...wanted)),
    layers,
  });
  return { ...sampleImage, digest, images: { ...images, open } };
}

export function makeSample(cacheDirectory: string, { images }: LayeredImage = sampleImage): Promise<CachedDisk> {
  return disks({ images, programs, cacheDirectory, cacheSizeBytes: () => 1024 ** 4 }).make(requestFor(sampleImage));
}
