/** Directory blocks as bytes, read back by the rules of the kernel's documentation (directory.rst). */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c } from "../../provider/model/crc32c.ts";
import { directoryBlocks, formatDirectory, type DirectoryEntry } from "../../provider/model/ext4-directory.ts";
import { inodeSeed } from "../../provider/model/ext4-inode.ts";

const blockBytes = 4096;
const directoryInode = 99;
const dots: readonly DirectoryEntry[] = [
  { name: ".", inode: directoryInode, type: 2 },
  { name: "..", inode: 2, type: 2 },
];

/** Follows the lengths of the records from one end of each block to the other. */
function read(bytes: Buffer): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  for (let block = 0; block < bytes.length; block += blockBytes) {
    const end = block + blockBytes - 12;
    let at = block;
    while (at < end) {
      const length = bytes.readUInt16LE(at + 4);
      const nameBytes = bytes.readUInt8(at + 6);
      expect(length % 4).toBe(0);
      expect(length).toBeGreaterThanOrEqual(8 + nameBytes);
      const inode = bytes.readUInt32LE(at);
      if (inode !== 0) entries.push({ name: bytes.toString("latin1", at + 8, at + 8 + nameBytes), inode, type: bytes.readUInt8(at + 7) });
      at += length;
    }
    expect(at).toBe(end);
    expect(bytes.toString("hex", end, end + 8)).toBe("000000000c0000de");
    expect(bytes.readUInt32LE(end + 8)).toBe(crc32c(inodeSeed(directoryInode), bytes.subarray(block, end)));
  }
  return entries;
}

const byte = fc.integer({ min: 1, max: 255 }).filter((code) => code !== 0x2f);
const nameOf = (maxLength: number): fc.Arbitrary<string> =>
  fc.array(byte, { minLength: 1, maxLength }).map((codes) => String.fromCharCode(...codes));

test("names come out as they went in, and take as many blocks as was said", () => {
  const name = fc.oneof(nameOf(20), nameOf(255));
  const entry = fc.record({ name, inode: fc.integer({ min: 11, max: 2 ** 32 - 1 }), type: fc.integer({ min: 1, max: 7 }) });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 300 }), fc.integer({ min: 1, max: 4 }), (entries, least) => {
      const bytes = formatDirectory(directoryInode, [...dots, ...entries], least);
      expect(read(bytes)).toEqual([...dots, ...entries]);
      expect(bytes.length / blockBytes).toBe(Math.max(least, directoryBlocks(entries.map(({ name }) => name))));
    }),
  );
});

test.each([
  ["nothing but the dots", 0, 1],
  ["a block filled to the last byte", 254, 1],
  ["a name more", 255, 2],
  ["two filled blocks", 254 + 255, 2],
  ["a name more than two", 254 + 255 + 1, 3],
])("%s", (_, count, blocks) => {
  // Records of 16 bytes: 24 for the dots leave room for 253.75 of them, so the first name is shorter.
  const names = Array.from({ length: count }, (_, index) => (index === 0 ? "abcd" : String(index).padStart(8, "0")));
  const entries = names.map((name): DirectoryEntry => ({ name, inode: 12, type: 1 }));
  expect(directoryBlocks(names)).toBe(blocks);
  expect(formatDirectory(directoryInode, [...dots, ...entries]).length).toBe(blocks * blockBytes);
});

test("names of 255 bytes: fifteen to a block", () => {
  const names = Array.from({ length: 16 }, (_, index) => String(index).padStart(255, "n"));
  expect([14, 15, 16].map((count) => directoryBlocks(names.slice(0, count)))).toEqual([1, 1, 2]);
});
