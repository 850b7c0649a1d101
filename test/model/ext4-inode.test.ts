/** Times, numbers of devices and split fields of inodes, against the kernel's own formulas (fs/ext4/ext4.h, kdev_t.h). */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { deviceMap, storableTime, writeInode, type Ext4Inode } from "../../provider/model/ext4-inode.ts";

const plain: Ext4Inode = {
  number: 12,
  mode: 0o100644,
  uid: 0,
  gid: 0,
  links: 1,
  sizeBytes: 0,
  blocks: 0,
  timeSeconds: 0,
  map: new Uint8Array(60),
  mapHasExtents: true,
  attributeBlock: 0,
};

function written(inode: Partial<Ext4Inode>): Buffer {
  const bytes = Buffer.alloc(256);
  writeInode(bytes, { ...plain, ...inode });
  return bytes;
}

/** As ext4_decode_extra_time does: a signed lower half, and two bits of how often 2^32 is added. */
function kernelTime(bytes: Buffer, at: number, extraAt: number): number {
  const extra = bytes.readUInt32LE(extraAt);
  expect(extra >>> 2).toBe(0);
  return bytes.readInt32LE(at) + (extra & 3) * 2 ** 32;
}

const seconds = (date: string): number => Date.parse(date) / 1000;

test.each([
  ["1901-12-13T20:45:52Z", 0x80000000, 0],
  ["1969-12-31T23:59:59Z", 0xffffffff, 0],
  ["1970-01-01T00:00:00Z", 0, 0],
  ["2038-01-19T03:14:07Z", 0x7fffffff, 0],
  ["2038-01-19T03:14:08Z", 0x80000000, 1],
  ["2106-02-07T06:28:16Z", 0, 1],
  ["2174-02-25T09:42:24Z", 0x80000000, 2],
  ["2310-04-04T16:10:40Z", 0x80000000, 3],
  ["2446-05-10T22:38:55Z", 0x7fffffff, 3],
])("%s has the halves of the table in inodes.rst", (date, low, extra) => {
  const bytes = written({ timeSeconds: seconds(date) });
  expect(bytes.readUInt32LE(0x10)).toBe(low);
  expect(bytes.readUInt32LE(0x88)).toBe(extra);
});

test("all four times are the file's, as the kernel reads them", () => {
  fc.assert(
    fc.property(fc.integer({ min: seconds("1901-12-13T20:45:52Z"), max: seconds("2446-05-10T22:38:55Z") }), (timeSeconds) => {
      const bytes = written({ timeSeconds });
      const times = [
        [0x08, 0x8c],
        [0x0c, 0x84],
        [0x10, 0x88],
        [0x90, 0x94],
      ] as const;
      expect(times.map(([at, extraAt]) => kernelTime(bytes, at, extraAt))).toEqual(times.map(() => timeSeconds));
    }),
  );
});

test.each([
  ["a year before 1901", seconds("1800-01-01T00:00:00Z"), seconds("1901-12-13T20:45:52Z")],
  ["the first second that e2fsck would repair", seconds("2310-04-04T16:10:40Z"), seconds("2310-04-04T16:10:39Z")],
  ["a year that ext4 has no bits for", seconds("9000-01-01T00:00:00Z"), seconds("2310-04-04T16:10:39Z")],
  ["half a second before 1970", -0.5, -1],
])("%s becomes the nearest time that fits", (_, wanted, kept) => {
  expect(storableTime(wanted)).toBe(kept);
});

/** old_decode_dev and new_decode_dev of the kernel. */
function kernelDevice(map: Uint8Array): { readonly major: number; readonly minor: number } {
  const bytes = Buffer.from(map);
  const old = bytes.readUInt32LE(0);
  if (old !== 0) return { major: (old >>> 8) & 0xff, minor: old & 0xff };
  const dev = bytes.readUInt32LE(4);
  return { major: (dev & 0xfff00) >>> 8, minor: (dev & 0xff) | ((dev >>> 12) & 0xfff00) };
}

test("numbers of devices are those that the kernel decodes, in its old form where they fit", () => {
  const device = fc.record({ major: fc.integer({ min: 1, max: 4095 }), minor: fc.integer({ min: 0, max: 2 ** 20 - 1 }) });
  const edges = [
    { major: 255, minor: 255 },
    { major: 256, minor: 0 },
    { major: 1, minor: 256 },
    { major: 4095, minor: 2 ** 20 - 1 },
  ];
  fc.assert(
    fc.property(device, (numbers) => {
      const map = deviceMap(numbers);
      expect(kernelDevice(map)).toEqual(numbers);
      expect(Buffer.from(map).readUInt32LE(0) !== 0).toBe(numbers.major < 256 && numbers.minor < 256);
    }),
    { examples: edges.map((edge) => [edge]) },
  );
});

test("owners, sizes and counts are split over both halves", () => {
  const bytes = written({ uid: 0xfedcba98, gid: 0x12345678, sizeBytes: 5 * 2 ** 32 + 7, blocks: 2 ** 30, attributeBlock: 3 * 2 ** 32 + 9 });
  const u16 = (at: number): number => bytes.readUInt16LE(at);
  expect([u16(0x02), u16(0x78)]).toEqual([0xba98, 0xfedc]);
  expect([u16(0x18), u16(0x7a)]).toEqual([0x5678, 0x1234]);
  expect([bytes.readUInt32LE(0x04), bytes.readUInt32LE(0x6c)]).toEqual([7, 5]);
  expect([bytes.readUInt32LE(0x1c), u16(0x74)]).toEqual([0, 2]);
  expect([bytes.readUInt32LE(0x68), u16(0x76)]).toEqual([9, 3]);
});

test("a directory with more subdirectories than can be counted says 1", () => {
  expect([64_999, 65_000, 65_001, 200_000].map((links) => written({ links }).readUInt16LE(0x1a))).toEqual([64_999, 65_000, 1, 1]);
});
