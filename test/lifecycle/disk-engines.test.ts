/** What a Disk's and a MachineGroup's Check say about engines, and that preview and up agree on the disk of a labelled image. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { disk } from "../../provider/resources/disk.ts";
import { checkDiskOptions, checkStartable } from "../../provider/resources/disk-options.ts";
import { formatPath, unknown, type ValueMap } from "../../provider/spec/value.ts";
import { Effects } from "../fakes/effects.ts";
import { MemoryDisks } from "../fakes/memory-disks.ts";
import { MemoryImages } from "../fakes/memory-images.ts";
import { makeImage, writeLayout } from "../fakes/oci-layout.ts";
import { Lifecycle } from "./harness.ts";

const labelled = makeImage({ labels: { "containers.bootc": "1" } });
const builderImage = `registry.example.com/builder@sha256:${"a".repeat(64)}`;
const registry = "registry.example.com";

async function web(): Promise<Lifecycle> {
  const effects = new Effects();
  const images = new MemoryImages(effects);
  const layoutDirectory = await mkdtemp(join(tmpdir(), "bootable-disk-"));
  onTestFinished(() => rm(layoutDirectory, { recursive: true, force: true }));
  await writeLayout(layoutDirectory, labelled);
  for (const repository of ["web", "mirror/web"]) {
    const signal = new AbortController().signal;
    await images.publish({ layoutDirectory, repository: { registry, repository }, tags: [], signal, onProgress: () => {} });
  }
  const disks = new MemoryDisks(images, effects);
  return new Lifecycle(disk({ images, disks, removeFile: disks.removeFile }), { name: "web", effects });
}

function program(options: ValueMap, formats: readonly string[] = []): ValueMap {
  return { image: `${registry}/web@${labelled.digest}`, directory: "out", disk: options, formats: [...formats] };
}

test("preview and up tell one identity, and auto and bootc are one disk", async () => {
  const group = await web();
  const planned = await group.preview(program({}));
  const made = await group.up(program({}));
  expect(made.outputs["identity"]).toBe(planned.outputs["identity"]);
  const bootc = await group.up(program({ engine: "bootc" }));
  expect(bootc.outputs["identity"]).toBe(made.outputs["identity"]);
  const mirror = await group.preview({ ...program({}), image: `${registry}/mirror/web@${labelled.digest}` });
  expect(mirror.outputs["identity"]).not.toBe(made.outputs["identity"]);
});

test.each<[ValueMap, readonly string[], readonly string[]]>([
  [{ engine: "image-builder", builderImage }, ["iso"], []],
  [{ engine: "bootc", filesystem: "xfs", targetImage: "registry.example.com/web:stable" }, ["raw"], []],
  [{ targetImage: "registry.example.com/web:stable" }, [], []],
  [{}, ["iso"], ['formats[0]: "iso" is an installer, which only the engine image-builder makes; set disk.engine to it, not auto']],
  [
    { engine: "image-builder", builderImage },
    ["iso", "raw"],
    ['formats[1]: "raw" is not written by the engine image-builder, only iso is'],
  ],
  [
    { engine: "image-builder", size: "10GiB", rootSshAuthorizedKeys: ["ssh-ed25519 AAAA a", "ssh-ed25519 BBBB b"] },
    ["iso"],
    [
      "disk.builderImage: is missing; the engine image-builder runs that image, bootc-image-builder as repository@sha256:<digest>",
      "disk.size: is not for the engine image-builder; an installer takes the disk that it finds",
      "disk.rootSshAuthorizedKeys: has 2 keys; the engine image-builder takes one",
    ],
  ],
  [{ builderImage }, [], ["disk.builderImage: is for the engine image-builder"]],
  [{ filesystem: "btrfs" }, [], []],
  [
    { engine: "direct", targetImage: "registry.example.com/web:stable" },
    [],
    ["disk.targetImage: is for the engine bootc; the engine direct writes down nothing of it"],
  ],
  [
    { engine: "image-builder", builderImage, targetImage: "registry.example.com/web:stable" },
    ["iso"],
    ["disk.targetImage: is for the engine bootc; the engine image-builder takes the image's own reference"],
  ],
  [
    { targetImage: "local/web:stable" },
    [],
    ['disk.targetImage: "local/web:stable" is no image that a machine could follow; write registry/repository with a tag or a digest'],
  ],
  [
    { targetImage: "registry.example.com/web" },
    [],
    [
      'disk.targetImage: "registry.example.com/web" is no image that a machine could follow; write registry/repository with a tag or a digest',
    ],
  ],
])("%j and %j", async (options, formats, reasons) => {
  const group = await web();
  const { checkFailures } = await group.preview(program(options, formats));
  expect(checkFailures.map(({ path, reason }) => `${formatPath(path)}: ${reason}`)).toEqual(reasons);
});

test("what is not known yet is not complained about", async () => {
  const group = await web();
  const planned = await group.preview(program({ engine: unknown, targetImage: unknown, builderImage: unknown }, ["iso"]));
  expect(planned.checkFailures).toEqual([]);
  expect(checkDiskOptions(unknown)).toEqual([]);
});

test("machines cannot start from an installer", () => {
  const options = {
    engine: "image-builder",
    filesystem: "ext4",
    kernelArguments: [],
    platform: "linux/amd64",
    rootSshAuthorizedKeys: [],
  } as const;
  expect(checkStartable(options)).toEqual([
    { path: ["disk", "engine"], reason: '"image-builder" makes installers, from which no machine here can run; use auto, direct or bootc' },
  ]);
  expect(checkStartable({ ...options, engine: "bootc" })).toEqual([]);
});
