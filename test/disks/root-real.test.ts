/** Five real roots: the kernel finds on their disks what GNU tar unpacks, and making them takes little memory. Needs root. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createZstdCompress } from "node:zlib";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { expectClean, expectSameAs, told } from "./checked-root.ts";
import { bootable } from "./layered-image.ts";
import { partitions, withRootMounted } from "./mounted.ts";
import { randomTree } from "./random-tree.ts";
import { output, scratchFolder } from "./scratch.ts";
import { tarWithHoles, type SparseInput } from "./sparse-entry.ts";
import { header, tar, type TarInput } from "./tar-writer.ts";

const mebibyte = 1024 ** 2;
const gibibyte = 1024 ** 3;

/** Of the whole process: buffers and Node itself, and some KiB for each file, however large files are. Measured: 250 MiB and 2.8 KiB. */
function mostBytes(files: number): number {
  return 450 * mebibyte + files * 4096;
}

/** What every direct disk needs, with an entry for each folder. */
const folders = [".", "usr", "usr/lib", "usr/lib/systemd", "usr/lib/systemd/boot", "usr/lib/systemd/boot/efi", "boot"];
const below = tar(
  [...folders.map((path): TarInput => ({ path, type: "directory" })), ...bootable].sort((a, b) => (a.path < b.path ? -1 : 1)),
);
/** For archives that add to the root directory, whose time that changes. */
const top: TarInput = { path: ".", type: "directory" };

function required(variable: string): string {
  const value = process.env[variable];
  if (value === undefined) throw new Error(`${variable} is not set: run the tests through test/tools/with-setup.mjs.`);
  return value;
}

/** Path of the disk, made by a process of its own. */
async function made(name: string, archives: readonly string[], files: number): Promise<string> {
  const maker = new URL("root-maker.ts", import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, ["--no-warnings", maker, await scratchFolder(), ...archives]);
  const { path, seconds, peakBytes } = JSON.parse(stdout) as { path: string; seconds: number; peakBytes: number };
  const root = (await partitions(path)).at(-1);
  const sizes = [root?.sizeBytes ?? 0, peakBytes].map((bytes) => `${Math.round(bytes / mebibyte)} MiB`);
  process.stdout.write(`${name}: a root of ${sizes[0]} in ${seconds.toFixed(1)} s, with at most ${sizes[1]} of memory\n`);
  expect(peakBytes).toBeLessThan(mostBytes(files));
  return path;
}

/** Unpacked by GNU tar one after the other; `late` where folders must get their times at the end. */
async function unpacked(archives: readonly string[], ...late: readonly string[]): Promise<string> {
  const tree = join(await scratchFolder(), "tree");
  await mkdir(tree);
  const options = ["--numeric-owner", "--warning=no-timestamp", ...late, "--xattrs", "--xattrs-include=*", "-P", "-p", "-x"];
  for (const archive of archives) await output("tar", ["-C", tree, ...options, "-f", archive]);
  return tree;
}

async function stored(content: Buffer): Promise<string> {
  const path = join(await scratchFolder(), "archive.tar");
  await writeFile(path, content);
  return path;
}

test("a minimal Debian", async () => {
  const archives = [required("BOOTABLE_BASE_TAR")];
  await expectSameAs(await unpacked(archives), await made("minimal", archives, 7000));
});

test("packages of a desktop", async () => {
  const archives = [await stored(below), required("BOOTABLE_ROOT_PACKAGES_TAR")];
  await expectSameAs(await unpacked(archives), await made("desktop", archives, 31_000));
});

test("200,000 small files", async () => {
  const files = Array.from({ length: 1000 }, (_, folder): TarInput[] => [
    { path: `srv/${folder}`, type: "directory" },
    ...Array.from({ length: 200 }, (_, file) => ({ path: `srv/${folder}/f${file}`, content: `${folder} ${file}\n`.repeat(file % 40) })),
  ]).flat();
  const archives = [await stored(below), await stored(tar([top, { path: "srv", type: "directory" }, ...files]))];
  await expectSameAs(await unpacked(archives), await made("small files", archives, 201_000));
});

test("odd names and attributes", async () => {
  const trees = fc.sample(randomTree, { seed: 20, numRuns: 12 });
  const inFolder = (folder: string, { path, linkTarget = "", ...rest }: TarInput): TarInput => ({
    ...rest,
    path: `${folder}/${path}`,
    linkTarget: rest.type === "hardlink" ? `${folder}/${linkTarget}` : linkTarget,
  });
  const plain = trees.flatMap((tree, index) => tree.plain.map((entry) => inFolder(`tree${index}`, entry)));
  const sparse = trees.flatMap((tree, index) =>
    tree.sparse.map((entry): SparseInput => ({ ...entry, path: `tree${index}/${entry.path}` })),
  );
  const archives = [await stored(below), await stored(tarWithHoles([top, ...plain], sparse))];
  await expectSameAs(await unpacked(archives, "--delay-directory-restore"), await made("odd names", archives, 25_000));
});

const denseBytes = 4 * gibibyte + 5 * mebibyte;

/** Each MiB differs from all others. */
function* denseContent(): Generator<Buffer> {
  for (let index = 0; index < denseBytes / mebibyte; index++) {
    const chunk = Buffer.alloc(mebibyte, "every MiB has this, and its number");
    chunk.writeUInt32LE(index);
    yield chunk;
  }
}

test("files of more than 4 GiB, one full and one of holes", async () => {
  const hash = createHash("sha256");
  const archive = join(await scratchFolder(), "large.tar.zst");
  const holes: SparseInput = {
    path: "holes",
    sizeBytes: 6 * gibibyte,
    pieces: [{ offset: 5 * gibibyte, content: Buffer.alloc(4096, "end") }],
  };
  const entries = function* (): Generator<Buffer> {
    yield header({ path: "dense" }, "0", denseBytes);
    for (const chunk of denseContent()) {
      hash.update(chunk);
      yield chunk;
    }
    yield tarWithHoles([], [holes]);
  };
  await pipeline(Readable.from(entries()), createZstdCompress(), createWriteStream(archive));
  const disk = await made("large files", [await stored(below), archive], 10);
  const root = (await partitions(disk)).at(-1);
  await expectClean(`${disk}?offset=${root?.offsetBytes}`);
  await withRootMounted(disk, async (directory) => {
    expect((await told("sha256sum", join(directory, "dense"))).split(" ")[0]).toBe(hash.digest("hex"));
    const { size, blocks } = await stat(join(directory, "holes"));
    expect([size, blocks * 512]).toEqual([6 * gibibyte, 4096]);
    expect(
      await told(
        "cmp",
        "--ignore-initial",
        `0:${5 * gibibyte}`,
        "--bytes",
        "4096",
        await stored(Buffer.alloc(4096, "end")),
        join(directory, "holes"),
      ),
    ).toBe("");
  });
});
