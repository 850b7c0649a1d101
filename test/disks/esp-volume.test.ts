/** FAT32 volumes of our own, judged by dosfstools, mtools and file. */
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { StoredBytes } from "../../provider/model/disk-extent.ts";
import { formatFat32, type Fat32, type FatFile } from "../../provider/model/fat32.ts";
import { writeExtents } from "./extent-file.ts";
import { output, scratchFolder } from "./scratch.ts";

const mebibyte = 1024 ** 2;
/** mtools knows no letters but English ones otherwise. */
const utf8 = "LC_ALL=C.UTF-8";
const volume = { sizeBytes: 64 * mebibyte, serial: "1a2b3c4d", label: "ESP", epochSeconds: 1_700_000_001 };

async function written(request: Fat32, folder: string): Promise<string> {
  const path = join(folder, "volume");
  await writeExtents(path, { sizeBytes: request.sizeBytes, extents: formatFat32(request) });
  return path;
}

function text(path: string, content: string): FatFile {
  return { path, content: Buffer.from(content) };
}

test("a volume is what its maker says it is, to three other people's tools", async () => {
  const files = [text("EFI/BOOT/BOOTX64.EFI", "loader"), text("loader/entries/bootable.conf", "x".repeat(9000)), text("linux", "")];
  const path = await written({ ...volume, files }, await scratchFolder());
  expect((await output("fsck.fat", ["-nv", path])).split("\n").slice(1).join("\n").replace(path, "<path>")).toMatchInlineSnapshot(`
    "Checking we can access the last sector of the filesystem
    Boot sector contents:
    System ID "MSWIN4.1"
    Media byte 0xf8 (hard disk)
           512 bytes per logical sector
           512 bytes per cluster
          1022 reserved sectors
    First FAT starts at byte 523264 (sector 1022)
             2 FATs, 32 bit entries
        524800 bytes per FAT (= 1025 sectors)
    Root directory start at cluster 2 (arbitrary size)
    Data area starts at byte 1572864 (sector 3072)
        128000 data clusters (65536000 bytes)
    32 sectors/track, 64 heads
             0 hidden sectors
        131072 sectors total
    Checking for unused clusters.
    Checking free cluster summary.
    <path>: 8 files, 24/128000 clusters
    "
  `);
  expect((await output("minfo", ["-i", path, "::"])).replaceAll(path, "<path>")).toMatchInlineSnapshot(`
    "device information:
    ===================
    filename="<path>"
    sectors per track: 32
    heads: 64
    cylinders: 64

    media byte: f8

    mformat command line:
      mformat -t 64 -h 64 -s 32 -r 0 -c 1 -R 1022 -L 1025 -m 248 -i "<path>" ::

    bootsector information
    ======================
    banner:"MSWIN4.1"
    sector size: 512 bytes
    cluster size: 1 sectors
    reserved (boot) sectors: 1022
    fats: 2
    max available root directory slots: 0
    small size: 0 sectors
    media descriptor byte: 0xf8
    sectors per fat: 0
    sectors per track: 32
    heads: 64
    hidden sectors: 0
    big size: 131072 sectors
    physical drive id: 0x80
    reserved=0x0
    dos4=0x29
    serial number: 1A2B3C4D
    disk label="ESP        "
    disk type="FAT32   "
    Big fatlen=1025
    Extended flags=0x0000
    FS version=0x0000
    rootCluster=2
    infoSector location=1
    backup boot sector=6

    Infosector:
    signature=0x41615252
    free clusters=127976
    last allocated cluster=82
    "
  `);
  expect(await output("file", ["--brief", path])).toMatchInlineSnapshot(`
    "DOS/MBR boot sector, code offset 0x58+2, OEM-ID "MSWIN4.1", reserved sectors 1022, Media descriptor 0xf8, sectors/track 32, heads 64, sectors 131072 (volumes > 32 MB), FAT (32 bit), sectors/FAT 1025, serial number 0x1a2b3c4d, label: "ESP        "
    "
  `);
  expect(await output("mdir", ["-i", path, "-/", "-a", "::"])).toMatchInlineSnapshot(`
    " Volume in drive : is ESP        
     Volume Serial Number is 1A2B-3C4D
    Directory for ::/

    EFI          <DIR>     2023-11-14  22:13 
    LOADER       <DIR>     2023-11-14  22:13  loader
    LINUX                0 2023-11-14  22:13  linux
            3 files                   0 bytes

    Directory for ::/EFI

    .            <DIR>     2023-11-14  22:13 
    ..           <DIR>     2023-11-14  22:13 
    BOOT         <DIR>     2023-11-14  22:13 
            3 files                   0 bytes

    Directory for ::/EFI/BOOT

    .            <DIR>     2023-11-14  22:13 
    ..           <DIR>     2023-11-14  22:13 
    BOOTX64  EFI         6 2023-11-14  22:13 
            3 files                   6 bytes

    Directory for ::/loader

    .            <DIR>     2023-11-14  22:13 
    ..           <DIR>     2023-11-14  22:13 
    ENTRIES      <DIR>     2023-11-14  22:13  entries
            3 files                   0 bytes

    Directory for ::/loader/entries

    .            <DIR>     2023-11-14  22:13 
    ..           <DIR>     2023-11-14  22:13 
    BOOTAB~1 CON      9000 2023-11-14  22:13  bootable.conf
            3 files               9 000 bytes

    Total files listed:
           15 files               9 006 bytes
                             65 523 712 bytes free

    "
  `);
  expect(await output("mshortname", ["-i", path, "::/loader/entries/bootable.conf"])).toMatchInlineSnapshot(`
    "::/LOADER/ENTRIES/BOOTAB~1.CON
    "
  `);
});

test.each([34, 64, 128, 129, 256, 300, 512, 1024, 4096])("%i MiB are FAT32 without a fault", async (mebibytes) => {
  const path = await written({ ...volume, sizeBytes: mebibytes * mebibyte, files: [text("a long name", "found")] }, await scratchFolder());
  expect(await output("fsck.fat", ["-n", path])).toMatch(/: 2 files, 2\/\d+ clusters\n$/);
  expect(await output("file", ["--brief", path])).toContain("FAT (32 bit)");
  expect(await output("mtype", ["-i", path, "::/a long name"])).toBe("found");
});

test("bytes in the spool, holes included, are where the file has them", async () => {
  const folder = await scratchFolder();
  await writeFile(join(folder, "spool"), "0123456789");
  await using spool = await open(join(folder, "spool"));
  const content: StoredBytes = {
    sizeBytes: 300_000,
    pieces: [
      { offset: 3, length: 4, from: 6 },
      { offset: 200_000, length: 5, from: 0 },
    ],
  };
  const extents = formatFat32({ ...volume, files: [text("before", "before"), { path: "sparse", content }, text("after", "after")] });
  const path = join(folder, "volume");
  await writeExtents(path, { sizeBytes: volume.sizeBytes, extents, spool });
  await output("mcopy", ["-i", path, "::/sparse", join(folder, "sparse")]);
  const expected = Buffer.alloc(300_000);
  expected.write("6789", 3);
  expected.write("01234", 200_000);
  expect((await readFile(join(folder, "sparse"))).equals(expected)).toBe(true);
  expect(await output("mtype", ["-i", path, "::/after"])).toBe("after");
  await output("fsck.fat", ["-n", path]);
});

/** Names that Windows would take: letters of several scripts, signs, blanks and dots within, capitals or not. */
const letter = fc.constantFrom(...Array.from("abcxyzABCXYZ0189_-~+,;=[] .()äÄéßЖж中"));
const name = fc
  .array(letter, { minLength: 1, maxLength: 60 })
  .map((letters) =>
    letters
      .join("")
      .replace(/[. ]+$/, "")
      .replace(/^[. ]+/, ""),
  )
  .filter((name) => name !== "");
const distinct = (path: string): string => path.toLowerCase();
const file = fc.record({
  folders: fc.array(fc.constantFrom("EFI", "Linux", "a folder with a long name", "x.y.z"), { maxLength: 3 }),
  name: name.map((name) => `f ${name}`),
  sizeBytes: fc.oneof(fc.constantFrom(0, 1, 511, 512, 513, 4096, 4097), fc.integer({ min: 0, max: 200_000 })),
});
const fileSet = fc.uniqueArray(file, {
  minLength: 1,
  maxLength: 40,
  selector: ({ folders, name }) => distinct([...folders, name].join("/")),
});

test("whatever files a volume is given, mtools reads every byte and every name back", async () => {
  await fc.assert(
    fc.asyncProperty(fileSet, fc.constantFrom(64, 128, 600), async (set, mebibytes) => {
      const folder = await mkdtemp(join(tmpdir(), "bootable-fat-"));
      try {
        const files = set.map(({ folders, name, sizeBytes }, index) => ({
          path: [...folders, name].join("/"),
          content: Buffer.alloc(sizeBytes, `${index} ${name} `),
        }));
        const path = await written({ ...volume, sizeBytes: mebibytes * mebibyte, files }, folder);
        await output("fsck.fat", ["-n", path]);
        await output("env", [utf8, "mcopy", "-i", path, "-s", "-Q", "::", join(folder, "copy")]);
        for (const { path, content } of files) expect((await readFile(join(folder, "copy", path))).equals(content), path).toBe(true);
        const listed = (await output("env", [utf8, "mdir", "-i", path, "-/", "-b", "-a", "::"]))
          .split("\n")
          .filter((line) => !/^$|\/$/.test(line));
        expect(listed.sort()).toEqual(files.map(({ path }) => `::/${path}`).sort());
      } finally {
        await rm(folder, { recursive: true });
      }
    }),
    { numRuns: 60 },
  );
});
