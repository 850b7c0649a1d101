/** A computer with rootful podman, an image store, and disks that containers make. */
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { disks } from "../../provider/disks/disks.ts";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import type { DiskOptions } from "../../provider/model/disk.ts";
import { compareBytewise } from "../../provider/model/bytewise.ts";
import type { PinnedReference } from "../../provider/model/image-reference.ts";
import type { RunProgram } from "../../provider/model/program.ts";
import { images } from "../../provider/registry/images.ts";
import type { DiskRequest, Disks, Images } from "../../provider/resources/ports.ts";
import { diskContainers } from "../../provider/tools/disk-containers.ts";
import { writeLayout, type MadeImage } from "../fakes/oci-layout.ts";
import { rootfulPodman, type RootfulPodman } from "../fakes/rootful-podman.ts";
import { plainOptions } from "./layered-image.ts";
import { programs } from "./programs.ts";
import { output, scratchFolder } from "./scratch.ts";

export interface ContainerScene {
  readonly podman: RootfulPodman;
  readonly images: Images;
  readonly disks: Disks;
  readonly folder: string;
  /** In the local store. */
  publish(image: MadeImage): Promise<PinnedReference>;
  request(image: PinnedReference, options?: Partial<DiskOptions>): DiskRequest;
  /** What the stand-in wrote down: `words`, `keys`, `config`. */
  noted(name: string): Promise<string>;
  /** What a disk that must fail says; nothing of it is left on this computer. */
  refusal(request: DiskRequest): Promise<string>;
  /** Nothing of ours in podman, on loop devices or in the cache, but for these files. */
  expectLeft(files: readonly string[]): Promise<void>;
}

/** `wrap` may stand between the disks and the programs. */
export async function containerScene(wrap: (run: RunProgram) => RunProgram = (run) => run): Promise<ContainerScene> {
  const folder = await scratchFolder();
  await mkdir(join(folder, "podman"));
  const podman = await rootfulPodman(join(folder, "podman"));
  const stored = images({ storeDirectory: join(folder, "store"), runProgram: podman.run });
  const containers = diskContainers(wrap(podman.run));
  const cache = join(folder, "cache");
  const made = disks({ images: stored, programs: { ...programs, containers }, cacheDirectory: cache, cacheSizeBytes: () => 1024 ** 4 });
  const scene: ContainerScene = {
    podman,
    images: stored,
    disks: made,
    folder,
    publish: (image) => publish(stored, folder, image),
    request: (image, options = {}) => ({
      image,
      options: { ...plainOptions, targetImage: "registry.example.com/team/os:stable", ...options },
      signal: new AbortController().signal,
      onProgress: () => undefined,
    }),
    noted: (name) => readFile(join(podman.storage, name), "utf8"),
    refusal: async (request) => {
      const message = await made.make(request).then(JSON.stringify, (error: Failure) => describeFailure(error));
      await scene.expectLeft([]);
      return message;
    },
    expectLeft: async (files) => {
      expect(await podman.ask("ps", "--all", "--format={{.Names}}")).toEqual([]);
      expect(await podman.ask("images", "--all", "--format={{.Repository}}:{{.Tag}}")).toEqual([]);
      expect(await output("losetup", ["--list", "--noheadings", "--raw", "--output=BACK-FILE"])).not.toMatch(
        /\/bootable-[0-9a-f]{24}\.raw/,
      );
      const names = await readdir(join(cache, "disks")).catch(() => []);
      expect(names.toSorted(compareBytewise)).toEqual([...files].toSorted(compareBytewise));
    },
  };
  return scene;
}

async function publish(stored: Images, folder: string, image: MadeImage): Promise<PinnedReference> {
  const layoutDirectory = await writeLayout(join(folder, image.digest.slice(7, 19)), image);
  const repository = { registry: "local", repository: "os" };
  const signal = new AbortController().signal;
  const { digest } = await stored.publish({ layoutDirectory, repository, tags: [], signal, onProgress: () => undefined });
  return { ...repository, digest };
}
