/** When a disk's image is looked into: before anything is written, once, and remembered beside the disk. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Failure } from "../../provider/failure.ts";
import { imageFactsVersion, type ImageFacts } from "../../provider/model/image-check-facts.ts";
import type { Images } from "../../provider/resources/ports.ts";
import { bootable, layeredImage, requestFor, type LayeredImage } from "./layered-image.ts";
import { disksIn, scratchFolder } from "./scratch.ts";

const made = layeredImage([[...bootable, { path: "etc/machine-id", content: "0123456789abcdef0123456789abcdef\n" }]]);

/** Counts how often the layers are asked for. */
function counted({ images }: LayeredImage): { readonly images: Images; readonly opened: () => number } {
  let opened = 0;
  const open: Images["open"] = (...args) => {
    opened++;
    return images.open(...args);
  };
  return { images: { ...images, open }, opened: () => opened };
}

function request(inspect: (facts: ImageFacts) => void) {
  return { ...requestFor(made, { kernelArguments: ["quiet"] }), inspect };
}

test("facts are told before a disk is made, and again for the cached one, whose layers nobody reads", async () => {
  const folder = await scratchFolder();
  const { images, opened } = counted(made);
  const told: ImageFacts[] = [];
  for (const _ of [1, 2]) await disksIn(folder, images).make(request((facts) => told.push(facts)));
  expect(told).toHaveLength(2);
  expect(told[1]).toEqual(told[0]);
  expect(told[0]).toMatchObject({ kernelVersion: "6.12.10-cloud-amd64", kernelArguments: ["quiet"], machineIds: ["/etc/machine-id"] });
  expect(told[0]?.drivers).toEqual({ initramfs: [], installed: [], unreadInitramfs: "is no cpio archive" });
  expect(opened()).toBe(1);
});

test("whoever refuses leaves nothing behind, and nobody makes the disk meanwhile", async () => {
  const folder = await scratchFolder();
  const refusal = new Failure({ kind: "input", code: "preflight", message: "No." });
  const refuse = (): never => {
    throw refusal;
  };
  const disks = disksIn(folder, made.images);
  await expect(disks.make(request(refuse))).rejects.toBe(refusal);
  expect(await readdir(join(folder, "disks"))).toEqual([]);
  await disks.make(requestFor(made, { kernelArguments: ["quiet"] }));
  await expect(disks.make(request(refuse))).rejects.toBe(refusal);
  expect(await readdir(join(folder, "disks"))).toHaveLength(2);
});

test("a disk that another version looked into, or none, is used as it is", async () => {
  const folder = await scratchFolder();
  const { images, opened } = counted(made);
  const disks = disksIn(folder, images);
  const { identity } = await disks.make(request(() => undefined));
  const path = join(folder, "disks", `${identity}.json`);
  const record = JSON.parse(await readFile(path, "utf8")) as { facts: ImageFacts };
  expect(record.facts.version).toBe(imageFactsVersion);
  for (const facts of [undefined, { ...record.facts, version: imageFactsVersion + 1 }, "x"]) {
    await writeFile(path, JSON.stringify({ ...record, facts }));
    const told: ImageFacts[] = [];
    await disks.make(request((seen) => told.push(seen)));
    expect(told).toEqual([]);
  }
  expect(opened()).toBe(1);
});
