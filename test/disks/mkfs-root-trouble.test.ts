/** What is said when an XFS or btrfs root cannot be made, and that no mount, loop device or file is left then. Needs root. */
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { disks } from "../../provider/disks/disks.ts";
import type { DiskPrograms } from "../../provider/disks/programs.ts";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import type { DiskOptions } from "../../provider/model/disk.ts";
import type { MountedFilesystem, MountRights } from "../../provider/model/mounted-root.ts";
import type { RunProgram } from "../../provider/model/program.ts";
import { btrfsProgs } from "../../provider/tools/btrfs-progs.ts";
import { privateMount } from "../../provider/tools/private-mount.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { xfsprogs } from "../../provider/tools/xfsprogs.ts";
import { bootable, layeredImage, requestFor, type LayeredImage } from "./layered-image.ts";
import { programs } from "./programs.ts";
import { output, scratchFolder } from "./scratch.ts";
import type { TarInput } from "./tar-writer.ts";

const filesystems: readonly MountedFilesystem[] = ["xfs", "btrfs"];
const maker = new URL("mkfs-root-maker.ts", import.meta.url).pathname;
const mebibyte = 1024 ** 2;

interface Attempt {
  readonly image?: LayeredImage;
  readonly options?: Partial<DiskOptions>;
  readonly programs?: DiskPrograms;
}

/** The message; nothing may be left by then. */
async function refusal(attempt: Attempt): Promise<string> {
  const folder = await scratchFolder();
  const image = attempt.image ?? layeredImage([bootable]);
  const made = disks({
    images: image.images,
    programs: attempt.programs ?? programs,
    cacheDirectory: folder,
    cacheSizeBytes: () => 1024 ** 4,
  });
  const message = await made.make(requestFor(image, { filesystem: "xfs", ...attempt.options })).then(
    () => "made",
    (error: Failure) => describeFailure(error),
  );
  expect(await readdir(join(folder, "disks")).catch(() => [])).toEqual([]);
  expect(await leftovers(folder)).toEqual([]);
  return message
    .replaceAll(folder, "<cache>")
    .replace(/[0-9a-f]{64}\.work\S+?\//, "<work>/")
    .replace(/\/dev\/loop\d+/, "<loop device>");
}

const withFile = (file: TarInput): LayeredImage => layeredImage([[...bootable, file]]);

/** Mounts and loop devices of files in a folder, there or removed. */
async function leftovers(folder: string): Promise<readonly string[]> {
  const mounts = (await readFile("/proc/mounts", "utf8")).split("\n");
  const loops = (await output("losetup", ["--list", "--noheadings", "--raw", "--output=NAME,BACK-FILE"])).split("\n");
  return [...mounts, ...loops].filter((line) => line.includes(folder));
}

test.each(filesystems)("nothing stays mounted when the provider is killed while it fills %s", async (filesystem) => {
  const folder = await scratchFolder();
  const run = output(process.execPath, [maker, folder, filesystem, "killed"]);
  await expect(run).rejects.toThrow("was ended by signal SIGKILL");
  await vi.waitFor(async () => expect(await leftovers(folder)).toEqual([]), { timeout: 60_000, interval: 50 });
  expect(await output(process.execPath, [maker, folder, filesystem])).toMatch(/^sha256:/);
  expect((await readdir(join(folder, "disks"))).map((name) => name.replace(/^[0-9a-f]+/, "")).sort()).toEqual([".json", ".raw"]);
});

test.each(filesystems)("nothing stays mounted when filling %s is called off", async (filesystem) => {
  const folder = await scratchFolder();
  const image = withFile({ path: "var/big", content: Buffer.alloc(100 * mebibyte, "x") });
  const calling = new AbortController();
  let meanwhile: Promise<readonly string[]> | undefined;
  const making = disks({ images: image.images, programs, cacheDirectory: folder, cacheSizeBytes: () => 1024 ** 4 }).make({
    ...requestFor(image, { filesystem }),
    signal: calling.signal,
    onProgress: ({ phase, doneBytes }) => {
      if (phase !== "filling the root file system" || doneBytes === 0) return;
      meanwhile ??= leftovers(folder);
      calling.abort();
    },
  });
  await expect(making).rejects.toMatchObject({ code: "cancelled" });
  expect((await meanwhile)?.length).toBe(1);
  await vi.waitFor(async () => expect(await leftovers(folder)).toEqual([]), { timeout: 60_000, interval: 50 });
  expect(await readdir(join(folder, "disks"))).toEqual([]);
});

test("whoever is not root is told so before anything is written", async () => {
  const folder = await scratchFolder();
  await output("chown", ["65534:65534", folder]);
  const cache = join(folder, "cache");
  // To read the checkout wherever it lies is the one thing that it may do beyond a user's rights.
  const rights = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--bounding-set=-all,+dac_read_search"];
  const asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", ...rights];
  expect(await output("setpriv", [...asNobody, process.execPath, maker, cache, "xfs"])).toMatchInlineSnapshot(`
    "disk.filesystem "xfs" is written by mkfs.xfs and this computer's kernel, and XFS cannot be written here. Nothing was written.
    - It runs as user 65534, and only root may mount disks: run pulumi with "sudo -E".
    fix: see to what is named above, or set disk.filesystem to ext4, which needs neither rights nor programs.
    "
  `);
  expect(await readdir(join(cache, "disks"))).toEqual([]);
});

const someRights: MountRights = { userId: 0, userNamespace: false, loopDevices: true };

test("everything that is missing is named at once", async () => {
  const nowhere: RunProgram = (run) => runProgram({ ...run, program: run.program === "setpriv" ? "setpriv" : `/none/${run.program}` });
  const filler = {
    ...privateMount(nowhere, () => ({})),
    rights: () => Promise.resolve({ ...someRights, userNamespace: true, loopDevices: false }),
  };
  const formatters = { xfs: xfsprogs(nowhere), btrfs: btrfsProgs(nowhere) };
  expect(await refusal({ programs: { ...programs, formatters, filler } })).toMatchInlineSnapshot(`
    "disk.filesystem "xfs" is written by mkfs.xfs and this computer's kernel, and XFS cannot be written here. Nothing was written.
    - It runs in a user namespace, where root may not mount disks: run it outside of rootless containers.
    - There are no loop devices (no file /dev/loop-control): run "modprobe loop", or give the container that this is /dev.
    - /none/mkfs.xfs is needed to write an XFS root file system, and there is no such file.
      fix: install xfsprogs, or set bootable:tools.mkfsXfs to its path.
    fix: see to what is named above, or set disk.filesystem to ext4, which needs neither rights nor programs."
  `);
  const allowed = { ...privateMount(nowhere, () => ({})), rights: () => Promise.resolve(someRights) };
  expect(await refusal({ options: { filesystem: "btrfs" }, programs: { ...programs, formatters, filler: allowed } }))
    .toMatchInlineSnapshot(`
    "disk.filesystem "btrfs" is written by mkfs.btrfs and this computer's kernel, and btrfs cannot be written here. Nothing was written.
    - /none/mkfs.btrfs is needed to write a btrfs root file system, and there is no such file.
      fix: install btrfs-progs, or set bootable:tools.mkfsBtrfs to its path.
    - /none/setfattr is needed to write extended attributes, and there is no such file.
      fix: install attr, or set bootable:tools.setfattr to its path.
    fix: see to what is named above, or set disk.filesystem to ext4, which needs neither rights nor programs."
  `);
});

test("a computer whose kernel does not mount what was formatted says so", async () => {
  const formatters = { ...programs.formatters, xfs: { ...programs.formatters.xfs, format: () => Promise.resolve() } };
  expect(await refusal({ programs: { ...programs, formatters } })).toMatchInlineSnapshot(`
    "This computer's kernel did not mount the XFS file system that was made for the disk.
    mount: <cache>/disks/<work>/mounted: wrong fs type, bad option, bad superblock on <loop device>, missing codepage or helper program, or other error.
           dmesg(1) may have more information after failed mount system call.
    fix: run "modprobe xfs" as root, or set disk.filesystem to ext4, which needs no kernel."
  `);
});

test("a disk that cannot hold the files is refused, by the estimate or by the kernel, with a size that can", async () => {
  const image = withFile({ path: "var/big", content: Buffer.alloc(236 * mebibyte, "x") });
  expect(await refusal({ image, options: { sizeBytes: 200 * mebibyte } })).toMatchInlineSnapshot(`
    "disk.size is 200 MiB, and the image needs about 390MiB with XFS. Nothing was written.
    fix: set disk.size to 390MiB or more, or leave it out."
  `);
  expect(await refusal({ image, options: { sizeBytes: 200 * mebibyte, filesystem: "btrfs" } })).toMatchInlineSnapshot(`
    "disk.size is 200 MiB, and the image needs about 427MiB with btrfs. Nothing was written.
    fix: set disk.size to 427MiB or more, or leave it out."
  `);
  const message = await refusal({ image, options: { sizeBytes: 371 * mebibyte } });
  expect(message).toMatchInlineSnapshot(`
    "disk.size is 371 MiB, and the image needs about 464MiB with XFS. Nothing was written.
    fix: set disk.size to 464MiB or more, or leave it out."
  `);
  const sizeBytes = Number(/about ([0-9]+)MiB/.exec(message)?.[1]) * mebibyte;
  const folder = await scratchFolder();
  const made = disks({ images: image.images, programs, cacheDirectory: folder, cacheSizeBytes: () => 1024 ** 4 });
  expect((await made.make(requestFor(image, { filesystem: "xfs", sizeBytes }))).sizeBytes).toBe(sizeBytes);
});

test("a file that the file system cannot hold is named", async () => {
  const link: TarInput = { path: "etc/link", type: "symlink", linkTarget: "t".repeat(2000) };
  expect(await refusal({ image: withFile(link) })).toMatchInlineSnapshot(`
    "The image has a file "etc/link" that XFS cannot hold: ENAMETOOLONG on symlink. Nothing was written.
    fix: leave it out in the Containerfile, or set disk.filesystem to ext4."
  `);
  const attributes: TarInput = { path: "etc/large", xattrs: { "user.large": Buffer.alloc(60_000, "x") } };
  expect(await refusal({ image: withFile(attributes), options: { filesystem: "btrfs" } })).toMatchInlineSnapshot(`
    "The image has extended attributes that btrfs did not take. Nothing was written.
    "etc/large": No space left on device
    fix: shorten or remove them in the Containerfile, or set disk.filesystem to ext4."
  `);
});

test("the filler's messages name its programs by the paths that are set for them", async () => {
  const filler = privateMount(runProgram, () => ({ mknod: "/none/mknod" }));
  const image = withFile({ path: "dev/console", type: "character", device: [5, 1] });
  expect(await refusal({ image, programs: { ...programs, filler } })).toMatchInlineSnapshot(`
    "/none/mknod is needed to make a device node, and there is no such file.
    fix: install coreutils, or set bootable:tools.mknod to its path."
  `);
});

test("a folder that holds what looks like options and patterns is no trouble", async () => {
  const folder = join(await scratchFolder(), "-o loop,ro *");
  await mkdir(folder);
  expect(await output(process.execPath, [maker, folder, "xfs"])).toMatch(/^sha256:/);
});
