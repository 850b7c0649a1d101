/** Makes a disk in a process of its own, which may be killed: `node bootc-maker.ts {folder, image, size, path}`. */
import { join } from "node:path";
import { disks } from "../../provider/disks/disks.ts";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import type { PinnedReference } from "../../provider/model/image-reference.ts";
import { images } from "../../provider/registry/images.ts";
import { diskContainers } from "../../provider/tools/disk-containers.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { plainOptions } from "./layered-image.ts";
import { programs } from "./programs.ts";

interface Wanted {
  readonly folder: string;
  readonly image: PinnedReference;
  readonly size: { readonly sizeBytes: number };
  /** Another PATH. */
  readonly path?: string;
}

const { folder, image, size, path } = JSON.parse(process.argv[2] ?? "") as Wanted;
if (path !== undefined) process.env["PATH"] = path;
const podman = path === undefined ? join(folder, "podman", "podman") : "podman";
const containers = diskContainers((request) =>
  runProgram({ ...request, program: request.program === "podman" ? podman : request.program }),
);
const made = await disks({
  images: images({ storeDirectory: join(folder, "store"), runProgram }),
  programs: { ...programs, containers },
  cacheDirectory: join(folder, "cache"),
  cacheSizeBytes: () => 1024 ** 4,
})
  .make({
    image,
    options: { ...plainOptions, ...size, targetImage: "registry.example.com/team/os:stable" },
    signal: new AbortController().signal,
    onProgress: () => undefined,
  })
  .then(JSON.stringify, (error: Failure) => describeFailure(error));
console.log(made);
