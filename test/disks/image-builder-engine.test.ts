/** Engine `image-builder` with the real podman and a stand-in for bootc-image-builder. Needs root. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import type { DiskOptions } from "../../provider/model/disk.ts";
import { formatImageReference } from "../../provider/model/image-reference.ts";
import type { DiskRequest } from "../../provider/resources/ports.ts";
import { bootcImage, builderImage, type Behaviour } from "../fakes/recorded-bootc.ts";
import { installerImage } from "./bootc-disk.ts";
import { containerScene, type ContainerScene } from "./container-scene.ts";
import { sha256 } from "./layered-image.ts";
import { output } from "./scratch.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJf8 ops";

interface Prepared {
  readonly scene: ContainerScene;
  readonly request: DiskRequest;
}

async function prepared(
  made: Buffer,
  { behaviour, ...options }: Partial<DiskOptions> & { readonly behaviour?: Behaviour } = {},
): Promise<Prepared> {
  const scene = await containerScene();
  const builder = await scene.publish(await builderImage({ made, ...(behaviour === undefined ? {} : { behaviour }) }));
  const image = await scene.publish(await bootcImage({ made: Buffer.alloc(0) }));
  const target = { targetImage: formatImageReference({ ...image, registry: "registry.example.com" }) };
  const request = scene.request(image, { engine: "image-builder", builderImage: formatImageReference(builder), ...target, ...options });
  return { scene, request };
}

const plain = (text: string): string =>
  text.replaceAll(/sha256:[0-9a-f]{64}/g, "sha256:<digest>").replaceAll(/bootable-[0-9a-f]{24}/g, "bootable-<name>");

test("an installer is built and exported, once", async () => {
  const made = installerImage();
  const { scene, request } = await prepared(made, { kernelArguments: ["quiet", "splash"], rootSshAuthorizedKeys: [key] });
  const disk = await scene.disks.make(request);
  expect(disk.digest).toBe(sha256(made));
  expect(plain(await scene.noted("words"))).toMatchInlineSnapshot(`
    "--type=anaconda-iso
    --rootfs=ext4
    --output=/output
    --config=/config.json
    registry.example.com/os@sha256:<digest>
    "
  `);
  expect(JSON.parse(await scene.noted("config"))).toEqual({
    customizations: { user: [{ name: "root", key }], kernel: { append: "quiet splash" } },
  });
  const directory = join(scene.folder, "out");
  const file = await scene.disks.export({ ...request, format: "iso", directory, baseName: "kiosk" });
  expect(file).toEqual({ path: join(directory, "kiosk.iso"), format: "iso", sizeBytes: made.length, digest: disk.digest });
  expect(await readFile(file.path)).toEqual(made);
  expect(await output("blkid", ["--probe", "--output=value", "--match-tag=TYPE", file.path])).toBe("iso9660\n");
  await scene.expectLeft([`${disk.identity}.json`, `${disk.identity}.raw`, "exports"]);
});

test("other formats are not written from an installer, nor an installer by another engine", async () => {
  const { scene, request } = await prepared(installerImage());
  const told = (wanted: DiskRequest, format: "raw" | "iso"): Promise<string> =>
    scene.disks
      .export({ ...wanted, format, directory: scene.folder, baseName: "a" })
      .then(JSON.stringify, (error: Failure) => describeFailure(error));
  expect(await told(request, "raw")).toMatchInlineSnapshot(`
    "format "raw" is not written by the engine image-builder, only iso is.
    fix: change formats, or disk.engine."
  `);
  expect(await told({ ...request, options: { ...request.options, engine: "bootc" } }, "iso")).toMatchInlineSnapshot(`
    "format "iso" is written by the engine image-builder only.
    fix: change formats, or disk.engine."
  `);
  await scene.expectLeft([]);
});

test("what goes wrong is told whole, and nothing is left", async () => {
  const failing = await prepared(installerImage(), { behaviour: "fails" });
  expect(await failing.scene.refusal(failing.request)).toMatchInlineSnapshot(`
    "bootc-image-builder exited with code 1. Nothing was left behind.
    error: cannot build manifest: no default filesystem
    fix: mend what the last lines name, then run pulumi up again."
  `);
  const noDisc = await prepared(Buffer.alloc(64 * 1024));
  expect(await noDisc.scene.refusal(noDisc.request)).toMatchInlineSnapshot(`
    "bootc-image-builder reported success, but its file is no ISO 9660 image. Nothing was left behind.
    fix: set disk.builderImage to a version that knows the type anaconda-iso."
  `);
  const { builderImage: _, ...options } = failing.request.options;
  expect(await failing.scene.refusal({ ...failing.request, options })).toMatchInlineSnapshot(`
    "disk.builderImage is not set, and the engine image-builder needs an image of bootc-image-builder as repository@sha256:<digest>. Nothing was pulled.
    fix: set disk.builderImage so."
  `);
  const noBoot = installerImage();
  noBoot.fill(0, 17 * 2048 + 7, 17 * 2048 + 40);
  const still = await prepared(noBoot);
  expect(await still.scene.refusal(still.request)).toMatchInlineSnapshot(`
    "bootc-image-builder reported success, but its file has no boot record. Nothing was left behind.
    fix: set disk.builderImage to a version that knows the type anaconda-iso."
  `);
});
