import * as fc from "fast-check";
import { expect, test } from "vitest";
import { allocatedBytes, mebibyte, planLayout, sectorsOf, smallestDiskBytes } from "../../provider/model/disk-layout.ts";

const content = fc.record({
  dataBlocks: fc.integer({ min: 0, max: 5_000_000 }),
  directoryBlocks: fc.integer({ min: 1, max: 50_000 }),
  inodes: fc.integer({ min: 10, max: 1_000_000 }),
});
const espBytes = fc.integer({ min: 0, max: 1024 * mebibyte });

test("partitions are aligned, follow each other, and leave room for the table at both ends", () => {
  fc.assert(
    fc.property(content, espBytes, (content, bytes) => {
      const { diskBytes, esp, root } = planLayout(content, bytes);
      for (const value of [diskBytes, esp.offsetBytes, esp.sizeBytes, root.offsetBytes, root.sizeBytes]) expect(value % mebibyte).toBe(0);
      expect(esp.offsetBytes).toBe(mebibyte);
      expect(root.offsetBytes).toBe(esp.offsetBytes + esp.sizeBytes);
      expect(root.offsetBytes + root.sizeBytes).toBe(diskBytes - mebibyte);
      expect(esp.sizeBytes).toBeGreaterThanOrEqual(bytes + 16 * mebibyte);
    }),
  );
});

test("the smallest disk is one that is accepted, smaller than the default, and larger than what it holds", () => {
  fc.assert(
    fc.property(content, espBytes, (content, bytes) => {
      const smallest = smallestDiskBytes(content, bytes);
      const layout = planLayout(content, bytes, smallest);
      expect(layout.diskBytes).toBe(smallest);
      expect(smallest).toBeLessThan(planLayout(content, bytes).diskBytes);
      expect(allocatedBytes(layout, content, bytes)).toBeLessThan(smallest);
      expect(layout.inodes).toBeGreaterThan(content.inodes);
    }),
  );
});

test("a wanted size is rounded down to whole MiB, and the root gets all of it", () => {
  const layout = planLayout({ dataBlocks: 1000, directoryBlocks: 10, inodes: 100 }, 0, 1024 * mebibyte + 4097);
  expect(layout.diskBytes).toBe(1024 * mebibyte);
  expect(layout.root).toEqual({ offsetBytes: 65 * mebibyte, sizeBytes: 958 * mebibyte });
  expect(sectorsOf(layout.root)).toEqual({ firstSector: 133_120, lastSector: 2_095_103 });
});
