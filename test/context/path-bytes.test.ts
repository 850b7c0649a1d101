import { assert, property, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { decodeBytes, diskPath, pathKey, shownPath } from "../../provider/context/path-bytes.ts";

const name = uint8Array({ maxLength: 8 });

test("any bytes come back as they were", () => {
  assert(
    property(name, (bytes) => {
      expect(Buffer.from(diskPath(decodeBytes(bytes)))).toEqual(Buffer.from(bytes));
    }),
  );
});

test("every name has a key of its own that state can hold", () => {
  assert(
    property(name, name, (a, b) => {
      const [first, second] = [pathKey(decodeBytes(a)), pathKey(decodeBytes(b))];
      expect(first.isWellFormed()).toBe(true);
      expect(first === second).toBe(Buffer.compare(a, b) === 0);
    }),
  );
});

test.each([
  [Buffer.from("é\n"), "é\n", '"é\\n"'],
  [Buffer.of(0x61, 0xff), "a\ufffdff", '"a\ufffdff"'],
  [Buffer.from("\ufffd"), "\ufffdef\ufffdbf\ufffdbd", '"\ufffdef\ufffdbf\ufffdbd"'],
  [Buffer.of(0xed, 0xb2, 0x80), "\ufffded\ufffdb2\ufffd80", '"\ufffded\ufffdb2\ufffd80"'],
])("%j", (bytes, key, shown) => {
  expect([pathKey(decodeBytes(bytes)), shownPath(decodeBytes(bytes))]).toEqual([key, shown]);
});
