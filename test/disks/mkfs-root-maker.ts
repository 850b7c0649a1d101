/**
 * Makes a disk with an XFS or btrfs root, with whatever rights it is given, and says what came of it:
 * `node mkfs-root-maker.ts <cache folder> <file system> [killed]`. With `killed` it ends itself while the root is being filled.
 */
import { disks } from "../../provider/disks/disks.ts";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import type { MountedFilesystem } from "../../provider/model/mounted-root.ts";
import type { OnProgress } from "../../provider/resources/ports.ts";
import { bootable, layeredImage, requestFor } from "./layered-image.ts";
import { programs } from "./programs.ts";

const [cacheDirectory = "", filesystem = "xfs", ending] = process.argv.slice(2);
const image = layeredImage([[...bootable, { path: "var/big", content: Buffer.alloc(200 * 1024 ** 2, "0123456789abcdef-") }]]);
const onProgress: OnProgress = ({ phase, doneBytes }) => {
  if (ending === "killed" && phase === "filling the root file system" && doneBytes > 0) process.kill(process.pid, "SIGKILL");
};
const said = await disks({ images: image.images, programs, cacheDirectory, cacheSizeBytes: () => 1024 ** 4 })
  .make({ ...requestFor(image, { filesystem: filesystem as MountedFilesystem }), onProgress })
  .then(
    ({ digest }) => digest,
    (error: Failure) => describeFailure(error),
  );
console.log(said);
