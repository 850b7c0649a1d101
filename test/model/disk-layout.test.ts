import * as fc from "fast-check";
import { expect, test } from "vitest";
import { mebibyte, planLayout, rootBytesOn, sectorsOf } from "../../provider/model/disk-layout.ts";

const espBytes = fc.integer({ min: 0, max: 1024 * mebibyte });
const rootBytes = fc.integer({ min: mebibyte, max: 2 ** 40 });

test("partitions are aligned, follow each other, and leave room for the table at both ends", () => {
  fc.assert(
    fc.property(espBytes, rootBytes, (content, wanted) => {
      const { diskBytes, esp, root } = planLayout(content, wanted);
      for (const value of [diskBytes, esp.offsetBytes, esp.sizeBytes, root.offsetBytes, root.sizeBytes]) expect(value % mebibyte).toBe(0);
      expect(esp.offsetBytes).toBe(mebibyte);
      expect(root.offsetBytes).toBe(esp.offsetBytes + esp.sizeBytes);
      expect(root.offsetBytes + root.sizeBytes).toBe(diskBytes - mebibyte);
      expect(esp.sizeBytes).toBeGreaterThanOrEqual(content + 16 * mebibyte);
      expect(root.sizeBytes).toBeGreaterThanOrEqual(wanted);
    }),
  );
});

test("the EFI system partition grows by doubling, so that the root behind it stays where it is", () => {
  const sizes = [0, 38, 39, 89, 90, 192, 400].map((mebibytes) => planLayout(mebibytes * mebibyte, mebibyte).esp.sizeBytes / mebibyte);
  expect(sizes).toEqual([64, 64, 128, 128, 256, 256, 1024]);
});

test("what is left for the root on a disk of a size makes a disk of that size", () => {
  fc.assert(
    fc.property(espBytes, fc.integer({ min: 3 * 1024 * mebibyte, max: 2 ** 40 }), (content, diskBytes) => {
      const layout = planLayout(content, rootBytesOn(diskBytes, content));
      expect(layout.diskBytes).toBe(Math.floor(diskBytes / mebibyte) * mebibyte);
    }),
  );
});

test("a wanted size is rounded down to whole MiB, and the root gets all of it", () => {
  const layout = planLayout(0, rootBytesOn(1024 * mebibyte + 4097, 0));
  expect(layout.diskBytes).toBe(1024 * mebibyte);
  expect(layout.root).toEqual({ offsetBytes: 65 * mebibyte, sizeBytes: 958 * mebibyte });
  expect(sectorsOf(layout.root)).toEqual({ firstSector: 133_120, lastSector: 2_095_103 });
});
