import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withTemporaryFolder } from "../../provider/storage/temporary-folder.ts";

let parent = "";
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "bootable-folders-"));
});
afterEach(async () => {
  await rm(parent, { recursive: true, force: true });
});

test("the folder is private, empty, and gone after the work, also when that breaks", async () => {
  const work = withTemporaryFolder(parent, "build", async (folder) => {
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await writeFile(join(folder, "secret"), "s");
    throw new Error("broken");
  });
  await expect(work).rejects.toThrow("broken");
  expect(await readdir(parent)).toEqual([]);
});

test("what a killed run left is removed by the next, what a living one uses is not", async () => {
  const gone = spawnSync(process.execPath, ["-e", ""]).pid;
  await mkdir(join(parent, `build.${gone}.00ff`));
  await mkdir(join(parent, `build.${gone}.00ff-build-x`));
  await mkdir(join(parent, `build.${process.ppid}.00ff`));
  await withTemporaryFolder(parent, "build", () => Promise.resolve());
  expect(await readdir(parent)).toEqual([`build.${process.ppid}.00ff`]);
});
