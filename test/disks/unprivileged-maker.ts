/** Makes a disk with whatever rights it is given: `node unprivileged-maker.ts <cache folder>`. */
import { disks } from "../../provider/disks/disks.ts";
import { layeredImage, requestFor } from "./layered-image.ts";
import { programs } from "./programs.ts";
import { base, second } from "./stack.ts";

const image = layeredImage([base, second]);
const made = await disks({
  images: image.images,
  programs,
  cacheDirectory: process.argv[2] ?? "",
  cacheSizeBytes: () => 1024 ** 4,
}).make(requestFor(image));
console.log(JSON.stringify({ user: process.getuid?.(), digest: made.digest }));
