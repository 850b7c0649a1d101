import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { buildContexts } from "../../provider/context/build-contexts.ts";

let root = "";
let cache = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "bootable-context-"));
  cache = join(root, "cache");
  mkdirSync(join(root, "os/x"), { recursive: true });
  writeFileSync(join(root, "os/Containerfile"), "FROM r/a\nCOPY x /\n");
  writeFileSync(join(root, "os/x/a"), "aaaa");
  writeFileSync(join(root, "os/x/b"), "bbbb");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

/** So far in the future that the files of these tests are old. */
const later = (): number => Date.now() + 60_000;

async function read(now: () => number = later): Promise<Readonly<Record<string, string>>> {
  const request = { context: join(root, "os"), buildArgs: {}, platforms: ["linux/amd64"], signal: new AbortController().signal };
  return (await buildContexts({ cacheDirectory: cache, now }).read(request)).sources;
}

function cacheFile(): string {
  return join(cache, "context", readdirSync(join(cache, "context"))[0] ?? "");
}

/** Gives every remembered file the same hash, so that the next reading shows whether it was believed. */
function forge(change: (text: string) => string = (text) => text): void {
  const forged = readFileSync(cacheFile(), "utf8")
    .slice(0, -65)
    .replaceAll(/ [0-9a-f]{64}$/gm, ` ${"0".repeat(64)}`);
  writeFileSync(cacheFile(), change(`${forged}${createHash("sha256").update(forged).digest("hex")}\n`));
}

const zeros = "0".repeat(32);

test("remembers files by their stats, and nobody else may read what it remembers", async () => {
  await read();
  forge();
  expect(await read()).toMatchObject({ "x/a": zeros, "x/b": zeros });
  expect([lstatSync(cacheFile()).mode & 0o777, lstatSync(join(cache, "context")).mode & 0o777]).toEqual([0o600, 0o700]);
});

test("hashes a file again when only its change time tells", async () => {
  const before = await read();
  const { atime, mtime, ctimeNs } = lstatSync(join(root, "os/x/a"), { bigint: true });
  do {
    writeFileSync(join(root, "os/x/a"), "AAAA");
    utimesSync(join(root, "os/x/a"), atime, mtime);
  } while (lstatSync(join(root, "os/x/a"), { bigint: true }).ctimeNs === ctimeNs);
  const after = await read();
  expect(after["x/a"]).not.toBe(before["x/a"]);
  expect(after["x/b"]).toBe(before["x/b"]);
});

test("remembers nothing that was just written: a second write may leave the same stats", async () => {
  const before = await read(Date.now);
  expect(() => cacheFile()).toThrow();
  writeFileSync(join(root, "os/x/a"), "AAAA");
  expect((await read(Date.now))["x/a"]).not.toBe(before["x/a"]);
});

test("remembers nothing from the future", async () => {
  utimesSync(join(root, "os/x/a"), later() / 1000 + 60, later() / 1000 + 60);
  await read();
  forge();
  const after = await read();
  expect([after["x/a"] === zeros, after["x/b"] === zeros]).toEqual([false, true]);
});

test("believes nothing after the clock went back", async () => {
  const before = await read();
  forge();
  expect(await read(() => later() - 30_000)).toEqual(before);
});

test.each<[string, (text: string) => string]>([
  ["cut off", (text) => text.slice(0, -20)],
  ["of another version", (text) => text.replace("cache 1", "cache 2")],
  ["changed", (text) => text.replace("0000", "0001")],
  ["empty", () => ""],
  ["not text", () => "\0\xff\n"],
])("ignores a cache file that is %s, and writes it anew", async (_, change) => {
  const before = await read();
  forge(change);
  expect(await read()).toEqual(before);
  forge();
  expect(await read()).toMatchObject({ "x/a": zeros });
});

test("keeps what another image of the same context remembered", async () => {
  await read();
  writeFileSync(join(root, "os/Containerfile"), "FROM r/a\nCOPY x/a Containerfile /\n");
  await read();
  writeFileSync(join(root, "os/Containerfile"), "FROM r/a\nCOPY x /\n");
  forge();
  expect(await read()).toMatchObject({ "x/a": zeros, "x/b": zeros });
});

test("reads on without a cache when it cannot be written", async () => {
  writeFileSync(cache, "a file where the folder should be");
  expect(Object.keys(await read())).toEqual(["Containerfile", "x/a", "x/b"]);
});

test("two readings at once leave a whole cache", async () => {
  const readings = await Promise.all([read(), read(), read()]);
  expect(new Set(readings.map((reading) => JSON.stringify(reading))).size).toBe(1);
  forge();
  expect(await read()).toMatchObject({ "x/a": zeros });
});

test("forgets contexts that nobody reads any more", async () => {
  await read();
  const old = join(cache, "context", "old.stats");
  writeFileSync(old, "");
  utimesSync(old, 1, 1);
  writeFileSync(join(root, "os/x/c"), "new");
  await read();
  expect(readdirSync(join(cache, "context"))).not.toContain("old.stats");
});
