/**
 * Makes a disk of layers in files, and tells how much memory that took: `node root-maker.ts <cache folder> <archive>...`.
 * Archives are plain, or compressed with zstd where their names end so.
 */
import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { disks } from "../../provider/disks/disks.ts";
import type { Digest } from "../../provider/model/digest.ts";
import type { Layer } from "../../provider/resources/ports.ts";
import { layeredImage, requestFor } from "./layered-image.ts";
import { programs } from "./programs.ts";

function stored(path: string): Layer {
  const digest: Digest = `sha256:${createHash("sha256").update(path).digest("hex")}`;
  const mediaType = `application/vnd.oci.image.layer.v1.tar${path.endsWith(".zst") ? "+zstd" : ""}`;
  return { digest, mediaType, sizeBytes: statSync(path).size, open: () => createReadStream(path, { highWaterMark: 1024 ** 2 }) };
}

const [cacheDirectory = "", ...archives] = process.argv.slice(2);
const image = layeredImage(archives.map(stored));
const started = performance.now();
const made = await disks({ images: image.images, programs, cacheDirectory, cacheSizeBytes: () => 1024 ** 4 }).make(requestFor(image));
console.log(
  JSON.stringify({ path: made.path, seconds: (performance.now() - started) / 1000, peakBytes: process.resourceUsage().maxRSS * 1024 }),
);
