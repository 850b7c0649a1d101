import { crc32 } from "node:zlib";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  backupSectors,
  espType,
  firstUsableSector,
  formatGpt,
  growGpt,
  growFileSystem,
  guidBytes,
  rootType,
} from "../../provider/model/gpt.ts";

const table = {
  diskGuid: "01234567-89ab-8def-8123-456789abcdef",
  diskSectors: 409_600,
  partitions: [
    { type: espType, guid: "11111111-2222-8333-8444-555555555555", name: "esp", firstSector: 2048, lastSector: 133_119 },
    {
      type: rootType("amd64") ?? "",
      guid: "66666666-7777-8888-8999-aaaaaaaaaaaa",
      name: "root",
      firstSector: 133_120,
      lastSector: 407_551,
      attributes: growFileSystem,
    },
  ],
};

function headerFacts(header: Buffer): Record<string, unknown> {
  const zeroed = Buffer.from(header.subarray(0, 92));
  zeroed.writeUInt32LE(0, 16);
  return {
    signature: header.toString("latin1", 0, 8),
    checksumHolds: header.readUInt32LE(16) === crc32(zeroed),
    own: Number(header.readBigUInt64LE(24)),
    other: Number(header.readBigUInt64LE(32)),
    firstUsable: Number(header.readBigUInt64LE(40)),
    lastUsable: Number(header.readBigUInt64LE(48)),
    entriesAt: Number(header.readBigUInt64LE(72)),
  };
}

test("both copies point at each other and hold the same entries", () => {
  const { primary, backup } = formatGpt(table);
  const header = primary.subarray(512, 1024);
  const entries = primary.subarray(1024);
  expect(headerFacts(header)).toEqual({
    signature: "EFI PART",
    checksumHolds: true,
    own: 1,
    other: 409_599,
    firstUsable: 34,
    lastUsable: 409_566,
    entriesAt: 2,
  });
  expect(headerFacts(backup.subarray(-512))).toMatchObject({ checksumHolds: true, own: 409_599, other: 1, entriesAt: 409_567 });
  expect(backup.subarray(0, -512).equals(entries)).toBe(true);
  expect(header.readUInt32LE(88)).toBe(crc32(entries));
  expect([primary.length, backup.length]).toEqual([firstUsableSector * 512, backupSectors * 512]);
});

test("an entry is as the specification lays it out", () => {
  const entry = formatGpt(table).primary.subarray(1024 + 128, 1024 + 256);
  expect(entry.subarray(0, 16).toString("hex")).toBe("e3bc684fcde8b14d96e7fbcaf984b709");
  expect([entry.readBigUInt64LE(32), entry.readBigUInt64LE(40), entry.readBigUInt64LE(48)]).toEqual([133_120n, 407_551n, 1n << 59n]);
  expect(entry.toString("utf16le", 56, 64)).toBe("root");
  expect(guidBytes("01234567-89ab-cdef-0123-456789abcdef").toString("hex")).toBe("67452301ab89efcd0123456789abcdef");
});

test("the protective record covers the disk, as far as it can count", () => {
  expect(formatGpt(table).primary.subarray(446, 462).toString("hex")).toBe("00000200eeffffff01000000ff3f0600");
  expect(formatGpt({ ...table, diskSectors: 2 ** 33 }).primary.readUInt32LE(458)).toBe(0xffffffff);
});

test("a table that grew is the table of a larger disk", () => {
  fc.assert(
    fc.property(fc.integer({ min: 409_600, max: 2 ** 40 }), (diskSectors) => {
      const grown = growGpt(formatGpt(table).primary, diskSectors);
      const made = formatGpt({ ...table, diskSectors });
      expect([grown.primary.equals(made.primary), grown.backup.equals(made.backup)]).toEqual([true, true]);
    }),
  );
});

test("architectures without a root type have none", () => {
  expect(rootType("pdp11")).toBeUndefined();
});
