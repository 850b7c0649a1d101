/** Files at the edges of what the writer of ext4 decides by size or count, against what GNU tar unpacks. Needs root. */
import { expect, test } from "vitest";
import { diskOf, expectSameAs, rootOf, told, unpackedByTar } from "./checked-root.ts";
import { bootable } from "./layered-image.ts";
import { content } from "./random-tree.ts";
import { tarWithHoles, type SparseInput } from "./sparse-entry.ts";
import { tar, type TarInput } from "./tar-writer.ts";

const kibibyte = 1024;
const mebibyte = 1024 ** 2;

/** All folders have an entry, since those that none describes have another time in each unpacking. */
const folders: readonly TarInput[] = [
  ".",
  "usr",
  "usr/lib",
  "usr/lib/systemd",
  "usr/lib/systemd/boot",
  "usr/lib/systemd/boot/efi",
  "boot",
].map((path) => ({ path, type: "directory" }));
const base: readonly TarInput[] = [...folders, ...bootable];

async function expectAsUnpacked(archive: Buffer): Promise<string> {
  const disk = await diskOf(archive);
  await expectSameAs(await unpackedByTar(archive), disk);
  return disk;
}

test("files of every size at which something changes", async () => {
  const edges = [0, 4 * kibibyte, 60, 128 * kibibyte, 256 * kibibyte, 512 * kibibyte, mebibyte, 32 * mebibyte, 64 * mebibyte];
  const sizes = edges.flatMap((edge) => [edge - 1, edge, edge + 1]).filter((size) => size >= 0);
  await expectAsUnpacked(tar([...base, ...sizes.map((size) => ({ path: `f${size}`, content: content(size, size) }))]));
});

test.each([130, 260, 300, 400, 700])("a hundred files of %i KiB", async (size) => {
  const files = Array.from({ length: 100 }, (_, index) => ({ path: `photo${index}`, content: content(size * kibibyte, index) }));
  await expectAsUnpacked(tar([...base, ...files]));
});

test("a file with as many holes as blocks has a tree of depth 2, as debugfs sees it", async () => {
  const pieces = Array.from({ length: 2000 }, (_, index) => ({ offset: (index * 2 + 1) * 4096, content: content(4096, index) }));
  const file: SparseInput = { path: "holes", sizeBytes: 4001 * 4096 + 5, pieces };
  const root = await rootOf(await expectAsUnpacked(tarWithHoles(base, [file])));
  const extents = (await told("debugfs", "-R", "dump_extents -l /holes", root)).trim().split("\n").slice(1);
  const logical = extents.map((line) => /^ *2\/ *2 +\d+\/ *\d+ +(\d+) - +(\d+) /.exec(line)?.slice(1).map(Number));
  expect(logical).toEqual(pieces.map((_, index) => [index * 2 + 1, index * 2 + 1]));
});

test("a file with 130,000 holes", async () => {
  const pieces = Array.from({ length: 130_000 }, (_, index) => ({ offset: index * 8192, content: Buffer.alloc(512, index % 251) }));
  await expectAsUnpacked(tarWithHoles(base, [{ path: "holes", sizeBytes: 130_000 * 8192, pieces }]));
});

test("a file that is one hole takes no blocks", async () => {
  const root = await rootOf(await expectAsUnpacked(tarWithHoles(base, [{ path: "hole", sizeBytes: 300 * mebibyte, pieces: [] }])));
  expect(await told("debugfs", "-R", "blocks /hole", root)).toBe("\n");
});

test("attributes up to the last byte of a block, and one byte more is refused", async () => {
  // 96 bytes are left in an inode, 4060 in a block; an attribute takes 16 bytes and its name's and value's words.
  const large = (bytes: number): TarInput => ({ path: "f", content: "", xattrs: { "user.four": Buffer.alloc(bytes, "v") } });
  await expectAsUnpacked(tar([...base, large(4040)]));
  await expect(diskOf(tar([...base, large(4041)]))).rejects.toMatchObject({
    message:
      'The image has a file "f" that ext4 cannot hold: its extended attributes take more than a block of 4 KiB. Nothing was written.',
    fix: "shorten or remove some in the Containerfile.",
  });
});

test("a device that Linux has no number for is refused; the last that it has is not", async () => {
  const device = (major: number, minor: number): Buffer =>
    tar([...base, { path: "dev", type: "directory" }, { path: "dev/x", type: "block", device: [major, minor] }]);
  await expectAsUnpacked(device(4095, 1_048_575));
  await expect(diskOf(device(4096, 0))).rejects.toMatchObject({
    message: 'The image has a file "dev/x" that ext4 cannot hold: device 4096:0 is beyond what Linux numbers. Nothing was written.',
    fix: "leave it out in the Containerfile.",
  });
});

test("65,100 directories in one, and 65,000 names of one file; a name more is refused", async () => {
  const many = Array.from({ length: 65_100 }, (_, index): TarInput => ({ path: `many/${index}`, type: "directory" }));
  const first: TarInput = { path: "first", content: "x" };
  const names = (count: number): TarInput[] =>
    Array.from({ length: count }, (_, index) => ({ path: `names/${index}`, type: "hardlink", linkTarget: "first" }));
  const all = [...base, { path: "many", type: "directory" }, ...many, first, { path: "names", type: "directory" }] as const;
  const archive = tar([...all, ...names(64_999)].sort((a, b) => (a.path < b.path ? -1 : 1)));
  await expectSameAs(await unpackedByTar(archive, "walk"), await diskOf(archive));
  await expect(diskOf(tar([...base, first, ...names(65_000)]))).rejects.toMatchObject({
    message: 'The image has a file "names/9999" that ext4 cannot hold: it has more than 65000 names. Nothing was written.',
    fix: "use fewer hard links to it in the Containerfile.",
  });
});
