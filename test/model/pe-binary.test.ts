/** Real files are parsed in test/disks/esp-unified.test.ts; here are those that nobody would make. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parsePeBinary } from "../../provider/model/pe-binary.ts";

/** The least that counts as one: headers at 64, an optional header of 112 bytes, one section. */
function least(): Buffer {
  const head = Buffer.alloc(64 + 24 + 112 + 40);
  head.write("MZ", 0, "latin1");
  head.writeUInt32LE(64, 60);
  head.write("PE\0\0", 64, "latin1");
  head.writeUInt16LE(0x8664, 68);
  head.writeUInt16LE(1, 70);
  head.writeUInt16LE(112, 84);
  head.writeUInt16LE(10, 64 + 24 + 68);
  head.write(".uname", 200, "latin1");
  head.writeUInt32LE(5, 208);
  head.writeUInt32LE(512, 216);
  head.writeUInt32LE(1024, 220);
  return head;
}

test("a section ends where its content does, before what it takes in the file", () => {
  expect(parsePeBinary(least())).toEqual({
    architecture: "amd64",
    isEfiApplication: true,
    sections: [{ name: ".uname", offset: 1024, sizeBytes: 5 }],
  });
});

test("headers that end too early are none", () => {
  for (let length = 0; length < least().length; length++)
    expect(parsePeBinary(least().subarray(0, length)), String(length)).toBeUndefined();
});

test("no bytes make the parser fail", () => {
  const change = fc.record({ at: fc.nat({ max: least().length - 1 }), byte: fc.nat({ max: 255 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), (changes) => {
      const head = least();
      for (const { at, byte } of changes) head[at] = byte;
      const parsed = parsePeBinary(head);
      expect(parsed === undefined || parsed.sections.every(({ sizeBytes }) => sizeBytes >= 0)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
