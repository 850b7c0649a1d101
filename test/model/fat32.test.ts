import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import type { DiskExtent, StoredBytes } from "../../provider/model/disk-extent.ts";
import { formatFat32, roomBytes, type Fat32, type FatFile } from "../../provider/model/fat32.ts";
import { planFat32 } from "../../provider/model/fat-geometry.ts";

const mebibyte = 1024 ** 2;
const volume = { sizeBytes: 128 * mebibyte, serial: "0000beef", label: "ESP", epochSeconds: 1_700_000_000 };

/** So many bytes that lie somewhere in the spool. */
function stored(path: string, sizeBytes: number): FatFile {
  const content: StoredBytes = { sizeBytes, pieces: sizeBytes === 0 ? [] : [{ offset: 0, length: sizeBytes, from: 12_345 }] };
  return { path, content };
}

function format(files: readonly FatFile[], changed: Partial<Fat32> = {}): DiskExtent[] {
  return formatFat32({ ...volume, files, ...changed });
}

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (thrown) {
    return describeFailure(thrown as Failure);
  }
  throw new Error("It was not refused.");
}

test("clusters are the largest that leave enough of them for FAT32", () => {
  const shown = [34, 64, 65, 128, 256, 512, 1024, 8192].map((mebibytes) => {
    const { clusterBytes, clusters, dataBytes } = planFat32(mebibytes * mebibyte);
    return { mebibytes, clusterBytes, clusters, dataKibibytes: dataBytes / 1024 };
  });
  expect(shown).toMatchInlineSnapshot(`
    [
      {
        "clusterBytes": 512,
        "clusters": 67584,
        "dataKibibytes": 1024,
        "mebibytes": 34,
      },
      {
        "clusterBytes": 512,
        "clusters": 128000,
        "dataKibibytes": 1536,
        "mebibytes": 64,
      },
      {
        "clusterBytes": 512,
        "clusters": 130048,
        "dataKibibytes": 1536,
        "mebibytes": 65,
      },
      {
        "clusterBytes": 1024,
        "clusters": 129536,
        "dataKibibytes": 1536,
        "mebibytes": 128,
      },
      {
        "clusterBytes": 2048,
        "clusters": 130304,
        "dataKibibytes": 1536,
        "mebibytes": 256,
      },
      {
        "clusterBytes": 4096,
        "clusters": 130688,
        "dataKibibytes": 1536,
        "mebibytes": 512,
      },
      {
        "clusterBytes": 4096,
        "clusters": 261504,
        "dataKibibytes": 2560,
        "mebibytes": 1024,
      },
      {
        "clusterBytes": 4096,
        "clusters": 2092928,
        "dataKibibytes": 16896,
        "mebibytes": 8192,
      },
    ]
  `);
});

test("any volume that is large enough has more clusters than FAT16, aligned, and room in the table for each", () => {
  fc.assert(
    fc.property(fc.integer({ min: 34 * mebibyte, max: 2 ** 40 }), (sizeBytes) => {
      const plan = planFat32(sizeBytes);
      expect(plan.clusters).toBeGreaterThanOrEqual(65_541);
      expect(plan.dataBytes % (512 * 1024)).toBe(0);
      expect((plan.reservedSectors + 2 * plan.tableSectors) * 512).toBe(plan.dataBytes);
      expect(plan.dataBytes + plan.clusters * plan.clusterBytes).toBeLessThanOrEqual(sizeBytes);
      expect(plan.tableSectors * 128).toBeGreaterThanOrEqual(plan.clusters + 2);
      expect(plan.reservedSectors).toBeGreaterThanOrEqual(32);
    }),
  );
});

test("a volume that is too small is refused", () => {
  expect(messageOf(() => planFat32(33 * mebibyte))).toMatchInlineSnapshot(
    `"A volume of 34603008 bytes is too small for FAT32, which needs about 34 MiB."`,
  );
});

test("rooms hold their bytes, waste an eighth at most beyond 4 KiB, and grow in steps", () => {
  const size = fc.integer({ min: 0, max: 2 ** 32 });
  fc.assert(
    fc.property(size, size, (one, other) => {
      expect(roomBytes(one)).toBeGreaterThanOrEqual(one);
      expect(roomBytes(one)).toBeLessThanOrEqual(Math.max(one * 1.125, one + 4096));
      expect(roomBytes(one) % 4096).toBe(0);
      expect(roomBytes(Math.max(one, other))).toBeGreaterThanOrEqual(roomBytes(Math.min(one, other)));
    }),
  );
  expect([0, 1, 4096, 4097, 65_537, 40 * mebibyte, 40 * mebibyte + 1].map(roomBytes)).toEqual([
    4096,
    4096,
    4096,
    8192,
    73_728,
    40 * mebibyte,
    44 * mebibyte,
  ]);
});

const files = fc.uniqueArray(
  fc.record({ folder: fc.constantFrom("", "a/", "a/b c/"), number: fc.nat(), sizeBytes: fc.integer({ min: 0, max: 2 * mebibyte }) }),
  { maxLength: 30, selector: ({ folder, number }) => `${folder}${number}` },
);

test("extents ascend, never overlap, and stay within the volume", () => {
  fc.assert(
    fc.property(files, (set) => {
      let end = 0;
      for (const extent of format(set.map(({ folder, number, sizeBytes }) => stored(`${folder}${number}`, sizeBytes)))) {
        expect(extent.at).toBeGreaterThanOrEqual(end);
        end = extent.at + ("bytes" in extent ? extent.bytes.length : extent.length);
      }
      expect(end).toBeLessThanOrEqual(volume.sizeBytes);
    }),
  );
});

test("a file that grows within its room leaves everything else where it is", () => {
  const before = format([stored("kernel", 9_000_000), stored("initrd", 20_000_000)]);
  const grown = format([stored("kernel", 9_400_000), stored("initrd", 20_900_000)]);
  const places = (extents: readonly DiskExtent[]): number[] => extents.map(({ at }) => at);
  expect(places(grown)).toEqual(places(before));
  expect(places(format([stored("kernel", 9_500_000), stored("initrd", 20_000_000)])).at(-1)).toBe((places(before).at(-1) ?? 0) + mebibyte);
});

test("the bytes are what they always were", () => {
  const hash = createHash("sha256");
  for (const extent of format([
    stored("EFI/BOOT/BOOTX64.EFI", 100_000),
    stored("loader/loader.conf", 23),
    stored("Grüße an alle.txt", 0),
  ])) {
    hash.update(`${extent.at} `).update("bytes" in extent ? extent.bytes : `${extent.length} from ${extent.from}`);
  }
  expect(hash.digest("hex")).toMatchInlineSnapshot(`"c208104cce4b301307015a129c08abfb04b8ae8e0fa0d506b88e329d313cb05f"`);
});

test("times beyond what FAT can say become the nearest that it can", () => {
  const times = [0, 315_532_799, 315_532_803, 2 ** 40].map((epochSeconds) => {
    const folder = format([stored("A", 0)], { epochSeconds }).find(({ at }) => at === planFat32(volume.sizeBytes).dataBytes);
    const entry = folder !== undefined && "bytes" in folder ? Buffer.from(folder.bytes).subarray(32, 64) : Buffer.alloc(32);
    return [entry.readUInt16LE(24).toString(16), entry.readUInt16LE(22).toString(16), entry[13]];
  });
  expect(times).toEqual([
    ["21", "0", 0],
    ["21", "0", 0],
    ["21", "1", 100],
    ["ff9f", "bf7d", 100],
  ]);
});

test.each([
  ["a capital twice", ["Linux", "LINUX"]],
  ["a path twice", ["a/b", "a/b"]],
  ["a file as a folder", ["a", "a/b"]],
  ["a folder as a file", ["a/b", "a"]],
  ["no name", ["a//b"]],
  ["itself", ["a/./b"]],
  ["a sign", ["a/b:c"]],
  ["a control character", ["a\nb"]],
  ["a dot at the end", ["a/b."]],
  ["a long name", ["b".repeat(256)]],
  ["half a letter", ["\ud800"]],
])("names are refused: %s", (what, paths) => {
  expect({ what, message: messageOf(() => format(paths.map((path) => stored(path, 1)))) }).toMatchSnapshot();
});

test("what does not fit is refused", () => {
  expect(messageOf(() => format([stored("initrd", 2 ** 32)]))).toMatchInlineSnapshot(`
    ""initrd" has 4294967296 bytes, and the EFI system partition takes files of less than 4 GiB. Nothing was written.
    fix: make it smaller in the image."
  `);
  expect(messageOf(() => format([stored("initrd", 127 * mebibyte)]))).toMatchInlineSnapshot(
    `"The EFI system partition needs 135794688 bytes with room for its files to grow, and was planned with 134217728."`,
  );
  expect(messageOf(() => format(Array.from({ length: 40_000 }, (_, number) => stored(`${number} is a name`, 0))))).toMatchInlineSnapshot(
    `"The folder "" has more names than FAT can list in one."`,
  );
});
