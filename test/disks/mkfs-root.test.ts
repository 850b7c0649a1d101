/** Disks with XFS and btrfs roots, judged by the file systems' own checkers, the kernel and GNU tar. Needs root. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatByteSize } from "../../provider/model/byte-size.ts";
import { filesystemNames, type MountedFilesystem } from "../../provider/model/mounted-root.ts";
import type { Layer } from "../../provider/resources/ports.ts";
import { bootable, layer, layeredImage, requestFor, type LayeredImage } from "./layered-image.ts";
import { describeFiles, partitions, withRootMounted } from "./mounted.ts";
import { disksIn, output, scratchFolder } from "./scratch.ts";
import { tar, type TarInput } from "./tar-writer.ts";

const filesystems: readonly MountedFilesystem[] = ["xfs", "btrfs"];
const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
/** user::rw-, user:1000:r--, group::r--, mask::r--, other::--- */
const accessList = Buffer.from("0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff", "hex");
/** user::rwx, group::r-x, group:4:r-x, mask::r-x, other::--- */
const inherited = Buffer.from("0200000001000700ffffffff04000500ffffffff080005000400000010000500ffffffff20000000ffffffff", "hex");

const folders: readonly TarInput[] = [
  { path: ".", type: "directory", mode: 0o751, mtimeSeconds: 1_500_000_000, xattrs: { "user.root": Buffer.from("x") } },
  ...["boot", "usr", "usr/lib", "usr/lib/systemd", "usr/lib/systemd/boot", "usr/lib/systemd/boot/efi"].map((path): TarInput => ({
    path,
    type: "directory",
  })),
];

/** What a layer can hold; unpacked by GNU tar it is what the disk must show. */
const everything: readonly TarInput[] = [
  ...folders,
  ...bootable,
  { path: "usr/bin", type: "directory", uid: 3, gid: 4, mode: 0o2775 },
  {
    path: "usr/bin/ping",
    content: "ping",
    mode: 0o755,
    xattrs: { "security.capability": capability, "user.note": Buffer.from([0, 10, 255]) },
  },
  { path: "usr/bin/su", content: "su", mode: 0o4755, uid: 1, gid: 2 },
  { path: "usr/bin/write", content: "write", mode: 0o2755, gid: 5 },
  { path: "tmp", type: "directory", mode: 0o1777 },
  { path: "home", type: "directory", mode: 0o700, uid: 1000 },
  { path: "home/a", content: "many names", uid: 3_000_000_000, gid: 100_000, mode: 0o600 },
  { path: "home/b", type: "hardlink", linkTarget: "home/a", uid: 3_000_000_000, gid: 100_000, mode: 0o600 },
  { path: "usr/c", type: "hardlink", linkTarget: "home/a", uid: 3_000_000_000, gid: 100_000, mode: 0o600 },
  { path: "dev", type: "directory" },
  { path: "dev/tty", type: "character", device: [5, 0], mode: 0o666, gid: 5 },
  { path: "dev/large", type: "character", device: [300, 70_000], mode: 0o600 },
  { path: "dev/sda", type: "block", device: [8, 1], mode: 0o660 },
  { path: "dev/fifo", type: "fifo", mode: 0o622, uid: 7 },
  { path: "etc", type: "directory" },
  { path: "etc/empty", content: "", mtimeSeconds: 0 },
  { path: "etc/long", type: "symlink", linkTarget: `/${"t".repeat(900)}`, uid: 7, mtimeSeconds: 1_400_000_000 },
  { path: "etc/listed", content: "acl", mode: 0o640, xattrs: { "system.posix_acl_access": accessList } },
  {
    path: "etc/labelled",
    type: "symlink",
    linkTarget: "listed",
    xattrs: { "security.selinux": Buffer.from("system_u:object_r:etc_t:s0\0") },
  },
  {
    path: "etc/many",
    content: "",
    xattrs: { "user.large": Buffer.alloc(2000, "l"), "trusted.odd": Buffer.alloc(0), "user.a b\\c\t": capability },
  },
  { path: "var", type: "directory", mode: 0o750, xattrs: { "system.posix_acl_default": inherited } },
  { path: "var/no-list-of-its-own", content: "x", mode: 0o664 },
  { path: "var/inner", type: "directory", mode: 0o775 },
  { path: "var/big", content: Buffer.alloc(5_000_001, "0123456789abcdef-") },
  { path: "odd", type: "directory", mtimeSeconds: 1_300_000_000 },
  { path: 'odd/quo"te', content: "1" },
  { path: "odd/ spa ce ", content: "2", xattrs: { "user.x": Buffer.from("y") } },
  { path: "odd/-dash", type: "fifo" },
  { path: "odd/line\nbreak", type: "directory", mode: 0o700, xattrs: { "user.of": Buffer.from("odd folder") } },
  { path: "odd/line\nbreak/in\rside", content: "5" },
  { path: "odd/\xff\xfe", content: "6" },
  { path: "odd/\xfd", type: "character", device: [1, 3], xattrs: { "trusted.odd": Buffer.from("device") } },
  { path: "odd/target", type: "symlink", linkTarget: "a\nb\xff" },
  { path: "odd/$(true)`", content: "8" },
];

const plainTar = (bytes: Buffer): Layer => layer(bytes, "application/vnd.oci.image.layer.v1.tar");

/** As root, GNU tar carries everything. */
async function unpacked(archive: string): Promise<Record<string, string>> {
  const directory = join(await scratchFolder(), "unpacked");
  await mkdir(directory);
  const how = [
    "--extract",
    "--delay-directory-restore",
    "--numeric-owner",
    "--same-permissions",
    "--xattrs",
    "--xattrs-include=*",
    "--directory",
    directory,
  ];
  await output("tar", [...how, "--file", archive]);
  return describeFiles(directory);
}

/** The checker of the file system must be content, and the table with the rest. */
async function checkDisk(path: string, filesystem: MountedFilesystem): Promise<void> {
  expect(await output("sgdisk", ["--verify", path])).toContain("No problems found");
  const root = (await partitions(path)).at(-1);
  const alone = join(await scratchFolder(), "root");
  const place = [`skip=${root?.offsetBytes}`, `count=${root?.sizeBytes}`];
  await output("dd", [`if=${path}`, `of=${alone}`, "bs=1M", "iflag=skip_bytes,count_bytes", "conv=sparse", ...place]);
  if (filesystem === "xfs") await output("xfs_repair", ["-n", "-f", alone]);
  else await output("btrfs", ["check", "--readonly", alone]);
  const facts = await output("blkid", ["--probe", "--output", "export", alone]);
  expect(facts).toMatch(/^LABEL=root$/m);
  expect(facts).toMatch(/^UUID=[0-9a-f]{8}-[0-9a-f]{4}-8/m);
}

async function makeDisk(image: LayeredImage, filesystem: MountedFilesystem) {
  const folder = await scratchFolder();
  const began = performance.now();
  const disk = await disksIn(folder, image.images).make(requestFor(image, { filesystem }));
  console.log(`${filesystem}: ${formatByteSize(disk.sizeBytes)} in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  expect((await readdir(join(folder, "disks"))).sort()).toEqual([`${disk.identity}.json`, `${disk.identity}.raw`]);
  expect(disk.digest).toBe(`sha256:${(await output("sha256sum", [disk.path])).slice(0, 64)}`);
  return disk;
}

test.each(filesystems)("a disk with %s holds what the layers say, to the kernel and to the checkers", async (filesystem) => {
  const bytes = tar(everything);
  const archive = join(await scratchFolder(), "layer.tar");
  await writeFile(archive, bytes);
  const expected = await unpacked(archive);
  expect(expected["/usr/bin/ping"]).toMatch(/^100755 .* security.capability=0x01/);
  const image = layeredImage([plainTar(bytes)]);
  const disk = await makeDisk(image, filesystem);
  await checkDisk(disk.path, filesystem);
  const found = await withRootMounted(disk.path, describeFiles, filesystem);
  expect(withoutOwnNames(found)).toEqual(expected);
});

/** XFS shows access lists under names of its own besides. */
function withoutOwnNames(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([path, facts]) => [path, facts.replaceAll(/ trusted\.SGI_ACL_\w+=0x[0-9a-f]*/g, "")]),
  );
}

test.each(filesystems)("a Debian root on %s is what GNU tar unpacks, and has room to spare", async (filesystem) => {
  const archive = process.env["BOOTABLE_BASE_TAR"] ?? "";
  const expected = await unpacked(archive);
  const image = layeredImage([plainTar(await readFile(archive))]);
  const disk = await makeDisk(image, filesystem);
  await checkDisk(disk.path, filesystem);
  const { found, free } = await withRootMounted(
    disk.path,
    async (directory) => ({
      found: await describeFiles(directory),
      free: Number((await output("stat", ["--file-system", "--format=%a", directory])).trim()) * 4096,
    }),
    filesystem,
  );
  expect(Object.keys(found).length).toBeGreaterThan(5000);
  expect(found).toEqual(expected);
  console.log(`${filesystemNames[filesystem]}: ${formatByteSize(free)} free`);
  expect(free).toBeGreaterThan(128 * 1024 ** 2);
});

test.each(filesystems)("a root on %s grows with its disk", async (filesystem) => {
  const disk = await makeDisk(layeredImage([bootable]), filesystem);
  expect(JSON.parse(await output("sfdisk", ["--json", disk.path]))).toMatchObject({
    partitiontable: { partitions: [{}, { attrs: "GUID:59" }] },
  });
  const root = (await partitions(disk.path)).at(-1);
  await output("truncate", ["--size=+2G", disk.path]);
  const point = await scratchFolder();
  // Without an end: as if the partition had grown before.
  await output("mount", ["-t", filesystem, "-o", `loop,offset=${root?.offsetBytes}`, disk.path, point]);
  try {
    await output("/lib/systemd/systemd-growfs", [point]);
    const [blocks = 0, size = 0] = (await output("stat", ["--file-system", "--format=%b %S", point])).split(" ").map(Number);
    expect(blocks * size).toBeGreaterThan(2 * 1024 ** 3);
  } finally {
    await output("umount", [point]);
  }
});

test.each(filesystems)("holes stay holes on %s", async (filesystem) => {
  const folder = await scratchFolder();
  await output("truncate", ["--size=3G", join(folder, "sparse")]);
  await writeFile(join(folder, "sparse"), "start", { flag: "r+" });
  const archive = join(folder, "layer.tar");
  await output("tar", ["--create", "--sparse", "--format=posix", "--file", archive, "--directory", folder, "sparse"]);
  const image = layeredImage([bootable, plainTar(await readFile(archive))]);
  const disk = await makeDisk(image, filesystem);
  expect(disk.sizeBytes).toBeLessThan(1024 ** 3);
  const shown = await withRootMounted(disk.path, (directory) => output("stat", ["--format=%s %b", join(directory, "sparse")]), filesystem);
  const [size, blocks] = shown.trim().split(" ").map(Number);
  expect(size).toBe(3 * 1024 ** 3);
  expect(blocks).toBeLessThanOrEqual(128);
});

test.each(filesystems)("paths longer than the kernel takes are no obstacle on %s", async (filesystem) => {
  const levels = Array.from({ length: 18 }, (_, index) => `${index}${"d".repeat(200)}`);
  const [near, far] = [levels.slice(0, 4).join("/"), `link/${levels.join("/")}/deep`];
  const how = { uid: 9, mode: 0o640, xattrs: { "user.deep": Buffer.from("z") } };
  const image = layeredImage([
    bootable,
    [
      { path: near, type: "directory" },
      { path: "link", type: "symlink", linkTarget: near },
      { path: far, content: "deeper", ...how },
      { path: "near", type: "hardlink", linkTarget: far, ...how },
    ],
  ]);
  const disk = await makeDisk(image, filesystem);
  const what = ["-name", "deep", "-printf", "%d levels, %n names, %m %U"];
  expect(await withRootMounted(disk.path, (directory) => output("find", [directory, ...what]), filesystem)).toBe(
    "23 levels, 2 names, 640 9",
  );
});
