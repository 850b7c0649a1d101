import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isPartial, partialPath, replaceFile, writeAtomically } from "../../provider/storage/atomic-file.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootable-atomic-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("a file appears whole, in folders made for it, with the mode asked for", async () => {
  const path = join(folder, "a", "b", "state.json");
  await replaceFile(path, "{}");
  await replaceFile(path, '{"a":1}');
  expect(await readFile(path, "utf8")).toBe('{"a":1}');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder, "a", "b"))).toEqual(["state.json"]);
});

test("a write that breaks leaves the old file and nothing else", async () => {
  const path = join(folder, "disk.raw");
  await replaceFile(path, "old");
  const broken = writeAtomically(path, async (partial) => {
    await writeFile(partial, "half");
    throw new Error("disk full");
  });
  await expect(broken).rejects.toThrow("disk full");
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(folder)).toEqual(["disk.raw"]);
});

test("what a crash leaves behind is known by its name", () => {
  expect(isPartial(partialPath("/cache/disk.raw"))).toBe(true);
  expect(isPartial("/cache/disk.raw")).toBe(false);
});
