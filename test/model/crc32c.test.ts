/** CRC-32C against the vectors of RFC 3720, appendix B.4, which inverts at both ends. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c, crc32cOfNumber } from "../../provider/model/crc32c.ts";

const allOnes = 0xffffffff;

function inverted(bytes: Uint8Array): string {
  return ((crc32c(allOnes, bytes) ^ allOnes) >>> 0).toString(16).padStart(8, "0");
}

const readCommand = "01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000";

test.each([
  ["32 bytes of zeros", Buffer.alloc(32), "8a9136aa"],
  ["32 bytes of ones", Buffer.alloc(32, 0xff), "62a8ab43"],
  ["32 incrementing bytes", Buffer.from(Array.from({ length: 32 }, (_, at) => at)), "46dd794e"],
  ["32 decrementing bytes", Buffer.from(Array.from({ length: 32 }, (_, at) => 31 - at)), "113fdb5c"],
  ["an iSCSI read command", Buffer.from(readCommand, "hex"), "d9963a56"],
  ["the check value of catalogues", Buffer.from("123456789"), "e3069283"],
  ["nothing", Buffer.alloc(0), "00000000"],
])("%s", (_, bytes, expected) => {
  expect(inverted(bytes)).toBe(expected);
});

test("in pieces as in one, wherever they are cut", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(), fc.nat(), (bytes, one, other) => {
      const cuts = [one, other].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
      const pieces = [bytes.subarray(0, cuts[0]), bytes.subarray(cuts[0], cuts[1]), bytes.subarray(cuts[1])];
      expect(pieces.reduce((state, piece) => crc32c(state, piece), allOnes)).toBe(crc32c(allOnes, bytes));
      expect(crc32c(allOnes, bytes, cuts[0])).toBe(crc32c(allOnes, bytes.subarray(cuts[0])));
    }),
  );
});

test("a number counts as its four bytes, the lowest first", () => {
  expect(crc32cOfNumber(allOnes, 0xfedcba98)).toBe(crc32c(allOnes, Buffer.from("98badcfe", "hex")));
});
