/** Engine `bootc` with the real podman, loop devices and partitions, and a stand-in for bootc inside the image. Needs root. */
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { settleEngine } from "../../provider/model/disk-engine.ts";
import { bootcImage } from "../fakes/recorded-bootc.ts";
import { bootcDiskBytes, bootcDiskImage } from "./bootc-disk.ts";
import { containerScene } from "./container-scene.ts";
import { sha256 } from "./layered-image.ts";
import { partitions } from "./mounted.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJf8 ops";

test("an image with the label installs itself, and the disk is cached under the identity that preview tells", async () => {
  const scene = await containerScene();
  const made = await bootcDiskImage();
  const image = await scene.publish(await bootcImage({ made }));
  const phases = new Set<string>();
  const request = {
    ...scene.request(image, { sizeBytes: bootcDiskBytes, kernelArguments: ["quiet", "console=ttyS0"], rootSshAuthorizedKeys: [key] }),
    onProgress: ({ phase }: { readonly phase: string }): void => void phases.add(phase),
  };
  const disk = await scene.disks.make(request);
  expect(disk.digest).toBe(sha256(made));
  expect((await partitions(disk.path)).map(({ type }) => type)).toHaveLength(3);
  const words = (await scene.noted("words")).trim().split("\n");
  const folder = dirname(words.at(-1) ?? "");
  expect(words.map((word) => word.replace(folder, "<folder>").replace(/[0-9a-f]{24}/, "<name>"))).toMatchInlineSnapshot(`
    [
      "install",
      "to-disk",
      "--via-loopback",
      "--generic-image",
      "--skip-fetch-check",
      "--filesystem=ext4",
      "--target-imgref=registry.example.com/team/os:stable",
      "--karg=quiet",
      "--karg=console=ttyS0",
      "--root-ssh-authorized-keys=<folder>/authorized_keys",
      "<folder>/bootable-<name>.raw",
    ]
  `);
  expect(await scene.noted("keys")).toBe(`${key}\n`);
  expect([...phases]).toMatchInlineSnapshot(`
    [
      "fetching",
      "giving the image to podman",
      "installing with bootc",
      "checking the disk",
      "reading the disk back",
    ]
  `);
  const settled = settleEngine(request.options, { reference: image, manifest: image.digest, labels: { "containers.bootc": "1" } });
  expect(scene.disks.identity(image.digest, settled)).toBe(disk.identity);
  await scene.expectLeft([`${disk.identity}.json`, `${disk.identity}.raw`]);
  phases.clear();
  expect(await scene.disks.make(request)).toEqual(disk);
  expect([...phases]).toEqual([]);
});
