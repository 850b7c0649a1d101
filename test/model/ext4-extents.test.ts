/** Extent trees as bytes, read back by the rules of the kernel's documentation (ifork.rst). */
import { expect, test } from "vitest";
import { crc32c } from "../../provider/model/crc32c.ts";
import { formatExtentTree, treeBlocks, type FileExtent } from "../../provider/model/ext4-extents.ts";
import { inodeSeed } from "../../provider/model/ext4-inode.ts";

/** Every other block of a file, beyond the first 32 bits of blocks. */
function scattered(count: number): FileExtent[] {
  return Array.from({ length: count }, (_, index) => ({ logical: index * 2, start: 2 ** 33 + index * 3, count: 1 }));
}

interface Walk {
  readonly depth: number;
  readonly extents: FileExtent[];
  readonly nodes: number[];
}

/** Leaves in order; `nodes` are the entries of each block. */
function walk(map: Uint8Array, blocks: ReadonlyMap<number, Uint8Array>): Walk {
  const extents: FileExtent[] = [];
  const nodes: number[] = [];
  const visit = (bytes: Buffer, depth: number, room: number): void => {
    const [magic, entries = 0, most, own] = [0, 2, 4, 6].map((at) => bytes.readUInt16LE(at));
    expect([magic, most, own]).toEqual([0xf30a, room, depth]);
    for (let at = 12; at < 12 * (entries + 1); at += 12) {
      const logical = bytes.readUInt32LE(at);
      if (depth === 0) {
        const start = bytes.readUInt16LE(at + 6) * 2 ** 32 + bytes.readUInt32LE(at + 8);
        extents.push({ logical, start, count: bytes.readUInt16LE(at + 4) });
        continue;
      }
      const child = Buffer.from(blocks.get(bytes.readUInt16LE(at + 8) * 2 ** 32 + bytes.readUInt32LE(at + 4)) ?? []);
      nodes.push(child.readUInt16LE(2));
      const before = extents.length;
      visit(child, depth - 1, 340);
      expect(extents[before]?.logical).toBe(logical);
    }
  };
  const root = Buffer.from(map);
  visit(root, root.readUInt16LE(6), 4);
  return { depth: root.readUInt16LE(6), extents, nodes };
}

test.each([
  [0, 0, []],
  [1, 0, []],
  [4, 0, []],
  [5, 1, [5]],
  [340, 1, [340]],
  [341, 1, [340, 1]],
  [1360, 1, [340, 340, 340, 340]],
  [1361, 2, [5, 340, 340, 340, 340, 1]],
])("%i extents make a tree of depth %i", (count, depth, nodes) => {
  const extents = scattered(count);
  const free = Array.from({ length: treeBlocks(count) }, (_, index) => 2 ** 34 + index * 7);
  const tree = formatExtentTree(77, extents, free);
  expect(tree.map.length).toBe(60);
  expect(tree.blocks.map(({ block }) => block)).toEqual(free);
  const found = walk(tree.map, new Map(tree.blocks.map(({ block, bytes }) => [block, bytes])));
  expect(found.depth).toBe(depth);
  expect(found.extents).toEqual(extents);
  expect(found.nodes).toEqual(nodes);
});

test("a tree of half a million extents is three deep", () => {
  const depths = [462_400, 462_401].map((count) => Buffer.from(formatExtentTree(77, scattered(count), []).map).readUInt16LE(6));
  expect(depths).toEqual([2, 3]);
});

test("each block of a tree ends with a checksum of it, seeded by the inode", () => {
  const { blocks } = formatExtentTree(4711, scattered(400), [100, 200]);
  for (const { bytes } of blocks) {
    expect(Buffer.from(bytes).readUInt32LE(4092)).toBe(crc32c(inodeSeed(4711), bytes.subarray(0, 4092)));
  }
  expect(blocks.length).toBe(2);
});

test("the longest extent is one that the kernel takes for initialized", () => {
  const { map } = formatExtentTree(12, [{ logical: 0, start: 1000, count: 32_768 }], []);
  expect(Buffer.from(map).readUInt16LE(16)).toBe(0x8000);
});
