import { expect, test } from "vitest";
import { formatVhdFooter, vhdGeometry } from "../../provider/model/vhd.ts";

const mebibyte = 1024 ** 2;

test.each([
  [1, { cylinders: 30, heads: 4, sectorsPerTrack: 17 }],
  [504, { cylinders: 1024, heads: 16, sectorsPerTrack: 63 }],
  [1024, { cylinders: 2080, heads: 16, sectorsPerTrack: 63 }],
  [10 * 1024, { cylinders: 20_805, heads: 16, sectorsPerTrack: 63 }],
  [40 * 1024, { cylinders: 20_560, heads: 16, sectorsPerTrack: 255 }],
  [4096 * 1024, { cylinders: 65_535, heads: 16, sectorsPerTrack: 255 }],
])("%i MiB have the geometry of the specification", (size, geometry) => {
  expect(vhdGeometry(size * mebibyte)).toEqual(geometry);
});

test("the footer says a fixed disk of exactly this size, and sums up", () => {
  const footer = formatVhdFooter({
    sizeBytes: 600 * mebibyte,
    uuid: "01234567-89ab-8def-8123-456789abcdef",
    createdAtSeconds: 1_700_000_000,
  });
  expect(footer.length).toBe(512);
  expect(footer.toString("latin1", 0, 8)).toBe("conectix");
  expect([footer.readBigUInt64BE(40), footer.readBigUInt64BE(48)]).toEqual([629_145_600n, 629_145_600n]);
  expect(footer.readUInt32BE(60)).toBe(2);
  expect(footer.readUInt32BE(24)).toBe(753_315_200);
  expect(footer.toString("hex", 68, 84)).toBe("0123456789ab8def8123456789abcdef");
  const sum = footer.reduce((total, byte, at) => (at >= 64 && at < 68 ? total : total + byte), 0);
  expect(footer.readUInt32BE(64)).toBe(~sum >>> 0);
});
