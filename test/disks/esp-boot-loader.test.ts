/** Boot loaders that the user names: what is taken for one, and the disk that starts with it. */
import { open, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readBootLoader } from "../../provider/disks/boot-loader-file.ts";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import type { Digest } from "../../provider/model/digest.ts";
import { amd64, bootable, layeredImage, requestFor, sha256 } from "./layered-image.ts";
import { partitions } from "./mounted.ts";
import { disksIn, output, scratchFolder } from "./scratch.ts";
import { baseFile } from "./unified-kernel-maker.ts";

/** systemd-boot as Debian ships it. */
async function systemdBoot(folder: string): Promise<string> {
  return baseFile("usr/lib/systemd/boot/efi/systemd-bootx64.efi", folder);
}

async function digestOf(path: string): Promise<string> {
  return `sha256:${(await output("sha256sum", [path])).slice(0, 64)}`;
}

const withoutLoader = bootable.filter(({ path }) => !path.endsWith(".efi"));

test("a real boot loader is taken, by its digest", async () => {
  const path = await systemdBoot(await scratchFolder());
  expect(await readBootLoader(path, amd64)).toMatchObject({ digest: await digestOf(path) });
});

test("whatever else is refused, with what it is", async () => {
  const folder = await scratchFolder();
  const path = (name: string): string => join(folder, name);
  const foreign = await readFile(await systemdBoot(folder));
  const driver = Buffer.from(foreign);
  const headers = foreign.readUInt32LE(60);
  foreign.writeUInt16LE(0xaa64, headers + 4);
  driver.writeUInt16LE(11, headers + 24 + 68);
  await writeFile(path("foreign.efi"), foreign);
  await writeFile(path("driver.efi"), driver);
  await writeFile(path("notes.txt"), "no program");
  await symlink("loop.efi", path("loop.efi"));
  await using large = await open(path("disk.raw"), "wx");
  await large.truncate(65 * 1024 ** 2);
  const names = ["missing.efi", "notes.txt/x.efi", "usr", "notes.txt", "driver.efi", "foreign.efi", "disk.raw", "loop.efi"];
  const reasons = await Promise.all(
    names.map(async (name) => {
      const reading = await readBootLoader(path(name), amd64);
      return "refused" in reading ? reading.refused.replace(folder, "<folder>") : "taken";
    }),
  );
  expect(reasons).toMatchInlineSnapshot(`
    [
      ""<folder>/missing.efi" is not there; name a file on this computer",
      ""<folder>/notes.txt/x.efi" is not there; name a file on this computer",
      ""<folder>/usr" is no file; name an EFI program, such as systemd-bootx64.efi",
      ""<folder>/notes.txt" is no EFI program; name one such as systemd-bootx64.efi, or leave it out to take the image's",
      ""<folder>/driver.efi" is no EFI program; name one such as systemd-bootx64.efi, or leave it out to take the image's",
      ""<folder>/foreign.efi" is an EFI program for linux/arm64, and the disk is for linux/amd64; name one for that",
      ""<folder>/disk.raw" is larger than 64MiB, as no boot loader is; name an EFI program",
      ""<folder>/loop.efi" cannot be read (ELOOP); name a file that this user may read",
    ]
  `);
});

test("firmware starts the named one, and the image needs none", async () => {
  const folder = await scratchFolder();
  const path = await systemdBoot(folder);
  const bytes = await readFile(path);
  const image = layeredImage([withoutLoader]);
  const disk = await disksIn(folder, image.images).make(requestFor(image, { bootLoader: { path, digest: sha256(bytes) } }));
  const [esp] = await partitions(disk.path);
  const copy = join(folder, "copy");
  await output("mcopy", ["-i", `${disk.path}@@${esp?.offsetBytes}`, "::/EFI/BOOT/BOOTX64.EFI", copy]);
  expect((await readFile(copy)).equals(bytes)).toBe(true);
});

test("a file that is not the one that was planned makes no disk", async () => {
  const folder = await scratchFolder();
  const shipped = await systemdBoot(folder);
  const image = layeredImage([bootable]);
  const planned: Digest = `sha256:${"a".repeat(64)}`;
  const messageFor = async (path: string): Promise<string> => {
    const making = disksIn(folder, image.images).make(requestFor(image, { bootLoader: { path, digest: planned } }));
    const failure = await making.then(
      () => Promise.reject(new Error("it was made")),
      (thrown: Failure) => thrown,
    );
    return describeFailure(failure)
      .replace(folder, "<folder>")
      .replace(await digestOf(shipped), "<its digest>");
  };
  expect([await messageFor(shipped), await messageFor(join(folder, "missing.efi"))]).toMatchInlineSnapshot(`
    [
      "disk.bootLoader "<folder>/usr/lib/systemd/boot/efi/systemd-bootx64.efi" is <its digest>, and sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa was planned. Nothing was written.
    fix: run pulumi up again, or put the file back that was planned.",
      "disk.bootLoader "<folder>/missing.efi" is not there; name a file on this computer. Nothing was written.
    fix: put the file there that was planned, or change disk.bootLoader.",
    ]
  `);
});
