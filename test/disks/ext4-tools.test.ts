/** What the tools of e2fsprogs and the kernel say of the root file system, and what they can do with it: read, grow, write. Needs root. */
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { diskOf, expectClean, rootOf, told } from "./checked-root.ts";
import { bootable } from "./layered-image.ts";
import { content } from "./random-tree.ts";
import { output, scratchFolder } from "./scratch.ts";
import { tar, type TarInput } from "./tar-writer.ts";
import { difference, listTree } from "./tree-listing.ts";

const mebibyte = 1024 ** 2;

const inputs: readonly TarInput[] = [
  ...bootable,
  { path: "etc/hostname", content: "host\n", mode: 0o640, uid: 70_000, gid: 5, mtimeSeconds: -86_400 },
  { path: "etc/long", type: "symlink", linkTarget: "l".repeat(100) },
  { path: "etc/short", type: "symlink", linkTarget: "hostname" },
  { path: "dev/null", type: "character", device: [1, 3] },
  { path: "etc/attributes", content: "", xattrs: { "user.one": Buffer.from("1"), "user.two": Buffer.alloc(500, "2") } },
  { path: "var/large", content: content(3 * mebibyte, 5) },
  ...Array.from({ length: 1000 }, (_, index) => ({
    path: `many/name ${index}`,
    content: index % 7 === 0 ? content(index * 10, index) : "",
  })),
];

async function madeRoot(): Promise<string> {
  return rootOf(await diskOf(tar(inputs), 512 * mebibyte));
}

/** A program of e2fsprogs that asks the file system one thing. */
function debugfs(root: string, request: string): Promise<string> {
  return told("debugfs", "-R", request, root);
}

/** Mounts it (needs rights) for as long as `use` takes. */
async function mounted<T>(fileSystem: string, use: (directory: string) => Promise<T>, options = "loop,ro,noload"): Promise<T> {
  const point = join(await scratchFolder(), "mounted");
  await mkdir(point);
  await output("mount", ["-t", "ext4", "-o", options, fileSystem, point]);
  try {
    return await use(point);
  } finally {
    await output("umount", [point]);
  }
}

test("tune2fs reads what was designed", async () => {
  const facts = await told("tune2fs", "-l", await madeRoot());
  expect(facts.replace(/^tune2fs .*\n/, "").replaceAll(/ +$/gm, "")).toMatchInlineSnapshot(`
    "Filesystem volume name:   <none>
    Last mounted on:          <not available>
    Filesystem UUID:          51f1729b-8705-8dc2-a3b2-8ad88286e12e
    Filesystem magic number:  0xEF53
    Filesystem revision #:    1 (dynamic)
    Filesystem features:      has_journal ext_attr resize_inode dir_index filetype extent 64bit flex_bg metadata_csum_seed sparse_super large_file huge_file dir_nlink extra_isize metadata_csum
    Filesystem flags:         signed_directory_hash
    Default mount options:    user_xattr acl
    Filesystem state:         clean
    Errors behavior:          Continue
    Filesystem OS type:       Linux
    Inode count:              28672
    Block count:              114176
    Reserved block count:     1141
    Free blocks:              106411
    Free inodes:              27639
    First block:              0
    Block size:               4096
    Fragment size:            4096
    Group descriptor size:    64
    Reserved GDT blocks:      256
    Blocks per group:         32768
    Fragments per group:      32768
    Inodes per group:         7168
    Inode blocks per group:   448
    Flex block group size:    16
    Filesystem created:       Tue Nov 14 22:13:20 2023
    Last mount time:          n/a
    Last write time:          Tue Nov 14 22:13:20 2023
    Mount count:              0
    Maximum mount count:      -1
    Last checked:             Tue Nov 14 22:13:20 2023
    Check interval:           0 (<none>)
    Reserved blocks uid:      0 (user root)
    Reserved blocks gid:      0 (group root)
    First inode:              11
    Inode size:	          256
    Required extra isize:     32
    Desired extra isize:      32
    Journal inode:            8
    Default directory hash:   half_md4
    Directory Hash Seed:      5b7f6d2e-93c1-8a54-b0e8-3d6a1f20c497
    Journal backup:           inode blocks
    Checksum type:            crc32c
    Checksum:                 0xef14c8f7
    Checksum seed:            0x9d3b51c7
    "
  `);
});

test("debugfs agrees on files, directories and extents", async () => {
  const root = await madeRoot();
  const stat = await debugfs(root, "stat /etc/hostname");
  expect(
    stat
      .replace(/^Inode: \d+/, "Inode: N")
      .replaceAll(/\(0\):\d+/g, "(0):N")
      .replaceAll(/(checksum: ).*/g, "$1C"),
  ).toMatchInlineSnapshot(`
    "Inode: N   Type: regular    Mode:  0640   Flags: 0x80000
    Generation: 0    Version: 0x00000000:00000000
    User: 70000   Group:     5   Project:     0   Size: 5
    File ACL: 0
    Links: 1   Blockcount: 8
    Fragment:  Address: 0    Number: 0    Size: 0
     ctime: 0xfffeae80:00000000 -- Wed Dec 31 00:00:00 1969
     atime: 0xfffeae80:00000000 -- Wed Dec 31 00:00:00 1969
     mtime: 0xfffeae80:00000000 -- Wed Dec 31 00:00:00 1969
    crtime: 0xfffeae80:00000000 -- Wed Dec 31 00:00:00 1969
    Size of extra inode fields: 32
    Inode checksum: C
    EXTENTS:
    (0):N
    "
  `);
  expect(await debugfs(root, "htree /many")).toMatchInlineSnapshot(`""`);
  expect((await debugfs(root, "ls -p /many")).trim().split("\n").length).toBe(1002);
  expect(await debugfs(root, "ea_list /etc/attributes")).toMatchInlineSnapshot(`
    "Extended attributes:
      user.one (1) = "1"
      user.two (500)
    "
  `);
  const extents = (await debugfs(root, "dump_extents /var/large")).trim().split("\n").slice(1);
  const counts = extents.map((line) => Number(line.trim().split(/ +/).at(-1)));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(768);
});

/** While it is mounted, the kernel lets only those grow it who may go beyond all limits (CAP_SYS_RESOURCE). */
test("it grows to twice and to twenty times its size, into the descriptors kept for that", async () => {
  const root = await madeRoot();
  const before = await mounted(root, listTree);
  for (const times of [2, 20]) {
    await output("truncate", ["--size", `${430 * times}M`, root]);
    await output("resize2fs", [root]);
    await expectClean(root);
  }
  const facts = await told("tune2fs", "-l", root);
  // 68 groups need two blocks of descriptors; one was there.
  expect(facts).toMatch(/^Block count: +2201600$/m);
  expect(facts).toMatch(/^Reserved GDT blocks: +255$/m);
  expect(difference(before, await mounted(root, listTree))).toBeUndefined();
});

test("the kernel writes to it: new files everywhere, large directories, attributes, and much is deleted", async () => {
  const root = await madeRoot();
  await mounted(
    root,
    async (point) => {
      for (let index = 0; index < 4000; index++)
        await writeFile(join(point, "many", `new ${index}`), index % 5 === 0 ? content(index) : "");
      await output("rm", [
        "-r",
        join(point, "usr"),
        join(point, "var/large"),
        ...Array.from({ length: 500 }, (_, index) => join(point, "many", `name ${index}`)),
      ]);
      await output("setfattr", ["-n", "user.more", "-v", "x".repeat(1500), join(point, "etc/attributes")]);
      await output("setfattr", ["-n", "user.first", "-v", "x", join(point, "etc/hostname")]);
      await output("cp", ["-a", join(point, "many"), join(point, "etc/copy")]);
      await writeFile(join(point, "etc/hostname"), content(20 * mebibyte));
      expect(await readFile(join(point, "many/name 994"))).toEqual(content(9940, 994));
    },
    "loop",
  );
  await expectClean(root);
});

test("when the first superblock is lost, a copy serves e2fsck and the kernel", async () => {
  const root = await madeRoot();
  const before = await mounted(root, listTree);
  // With a copy e2fsck does not believe that bitmaps are unused, and those are zero; of a new file system of mke2fs it says much more.
  const said = await output("e2fsck", ["-fn", "-b", "32768", root], [4]);
  expect(said.replaceAll(root, "<root>")).toMatchInlineSnapshot(`
    "Pass 1: Checking inodes, blocks, and sizes
    Pass 2: Checking directory structure
    Pass 3: Checking directory connectivity
    Pass 4: Checking reference counts
    Pass 5: Checking group summary information
    Padding at end of inode bitmap is not set. Fix? no


    <root>: ********** WARNING: Filesystem still has errors **********

    <root>: 1033/28672 files (0.0% non-contiguous), 7765/114176 blocks
    "
  `);
  const broken = `${root}.broken`;
  await copyFile(root, broken);
  await output("dd", ["if=/dev/zero", `of=${broken}`, "bs=4096", "count=1", "conv=notrunc", "status=none"]);
  expect(difference(before, await mounted(broken, listTree, "loop,ro,noload,sb=131072"))).toBeUndefined();
  await output("e2fsck", ["-fy", broken], [0, 1]);
  await expectClean(broken);
  expect(difference(before, await mounted(broken, listTree))).toBeUndefined();
});
