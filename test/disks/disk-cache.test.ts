/** The cache of raw disks: who makes, who waits, what goes first, and what a crash leaves. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { link, mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { diskCache, type DiskCache } from "../../provider/disks/disk-cache.ts";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import type { CachedDisk } from "../../provider/resources/ports.ts";
import { sha256 } from "./layered-image.ts";
import { scratchFolder } from "./scratch.ts";

const signal = new AbortController().signal;
const mebibyte = 1024 ** 2;

function identityOf(name: string): string {
  return sha256(name).slice("sha256:".length);
}

interface Tried {
  readonly cache: DiskCache;
  readonly directory: string;
  /** Makes disks of a MiB of the name's first letter; counts how often. */
  readonly use: (name: string) => Promise<CachedDisk>;
  readonly made: string[];
}

async function tried(sizeBytes = 1024 ** 4): Promise<Tried> {
  const directory = join(await scratchFolder(), "disks");
  const cache = diskCache({ directory, sizeBytes: () => sizeBytes });
  const made: string[] = [];
  const use = (name: string): Promise<CachedDisk> =>
    cache.use(identityOf(name), { signal, make: (folder) => makeFile(folder, name, made) }, (disk) => Promise.resolve(disk));
  return { cache, directory, use, made };
}

async function makeFile(folder: string, name: string, made: string[]): Promise<{ path: string; digest: ReturnType<typeof sha256> }> {
  made.push(name);
  const content = Buffer.alloc(mebibyte, name.slice(0, 1));
  await writeFile(join(folder, "disk"), content);
  return { path: join(folder, "disk"), digest: sha256(content) };
}

async function names(directory: string): Promise<string[]> {
  const known = ["a", "b", "c", "d"].map((name) => [identityOf(name), name] as const);
  return (await readdir(directory)).map((file) => known.reduce((text, [identity, name]) => text.replace(identity, name), file)).sort();
}

test("a disk is made once, kept for its owner alone, and remembered with its digest", async () => {
  const { use, made, directory } = await tried();
  const first = await use("a");
  expect(first).toEqual({
    identity: identityOf("a"),
    path: join(directory, `${identityOf("a")}.raw`),
    sizeBytes: mebibyte,
    digest: sha256(Buffer.alloc(mebibyte, "a")),
  });
  expect(await use("a")).toEqual(first);
  expect(made).toEqual(["a"]);
  expect((await stat(first.path)).mode & 0o777).toBe(0o600);
});

test("what is wrong with a disk or its record, it is made again", async () => {
  const { use, made, directory } = await tried();
  const disk = await use("a");
  const record = join(directory, `${identityOf("a")}.json`);
  for (const text of ["", "{", "null", "[]", '{"digest":"md5:1"}', (await readFile(record, "utf8")).replace("1048576", "1")]) {
    await writeFile(record, text);
    await use("a");
  }
  await utimes(disk.path, 1, 1);
  await use("a");
  await writeFile(disk.path, "short");
  await use("a");
  expect(made.length).toBe(9);
});

test("the disks that were not used for longest go, but neither the current one nor one in use or linked elsewhere", async () => {
  const { cache, use, directory } = await tried(2.5 * mebibyte);
  await use("a");
  await use("b");
  await use("a");
  await use("c");
  expect(await names(directory)).toEqual(["a.json", "a.raw", "c.json", "c.raw"]);
  await link(join(directory, `${identityOf("c")}.raw`), join(directory, "..", "kept"));
  await cache.use(identityOf("a"), { signal, make: () => Promise.reject(new Error("a is there")) }, async () => {
    await use("b");
    await use("d");
  });
  expect(await names(directory)).toEqual(["a.json", "a.raw", "c.json", "c.raw", "d.json", "d.raw"]);
  expect(await readFile(join(directory, "..", "kept"))).toEqual(Buffer.alloc(mebibyte, "c"));
});

test("a cache without room keeps the disk that is asked for", async () => {
  const { use, directory } = await tried(0);
  await use("a");
  await use("b");
  expect(await names(directory)).toEqual(["b.json", "b.raw"]);
});

test("what a crash left of a disk goes when the disk is used, and with its eviction", async () => {
  const { use, directory } = await tried(0);
  for (const name of ["a", "b"]) {
    await mkdir(join(directory, `${identityOf(name)}.work.partial-1-aa`, "bodies"), { recursive: true });
    await writeFile(join(directory, `${identityOf(name)}.raw.partial-1-aa`), "half");
  }
  await writeFile(join(directory, `${identityOf("a")}.raw`), "no record of it");
  expect((await use("a")).sizeBytes).toBe(mebibyte);
  expect(await names(directory)).toEqual(["a.json", "a.raw"]);
});

test("a making that fails leaves nothing, and the next one goes on", async () => {
  const { cache, use, directory } = await tried();
  const failing = cache.use(
    identityOf("a"),
    { signal, make: (folder) => writeFile(join(folder, "x"), "x").then(() => Promise.reject(new Error("no"))) },
    (disk) => Promise.resolve(disk),
  );
  await expect(failing).rejects.toThrow("no");
  expect(await readdir(directory)).toEqual([]);
  expect((await use("a")).sizeBytes).toBe(mebibyte);
});

test("a folder that cannot be used is named", async () => {
  const { use, directory } = await tried();
  await writeFile(directory, "a file");
  const failure = await use("a").then(String, (error: Failure) => describeFailure(error));
  expect(failure.replace(directory, "<directory>")).toMatchInlineSnapshot(`
    "Disks are kept in <directory>, and that cannot be used (EEXIST).
    fix: set XDG_CACHE_HOME to a folder that you may write to."
  `);
});

test("two processes that want one disk make it once; one that dies in the middle hands over", async () => {
  const { directory, use, made } = await tried();
  const maker = new URL("disk-cache-maker.ts", import.meta.url).pathname;
  const start = (how: string): ReturnType<typeof spawn> =>
    spawn(process.execPath, [maker, directory, identityOf("a"), how], { stdio: ["ignore", "pipe", "inherit"] });
  const dying = start("never");
  await once(dying.stdout as NodeJS.EventEmitter, "data");
  const other = start("quickly");
  const mine = use("a");
  dying.kill("SIGKILL");
  const printed: Buffer[] = [];
  other.stdout?.on("data", (chunk: Buffer) => printed.push(chunk));
  await Promise.all([mine, once(other, "close")]);
  const times = made.length + Buffer.concat(printed).toString().split("making").length - 1;
  expect(times).toBe(1);
  expect(await names(directory)).toEqual(["a.json", "a.raw"]);
});
