/** Where our own folders are, and what is said when they cannot be. */
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import { ownDirectories } from "../../provider/storage/directories.ts";
import { makeOwnFolder } from "../../provider/storage/own-folder.ts";

const home = userInfo().homedir;

test.each([
  [{ HOME: "/home/a b/é" }, "/home/a b/é/.cache/bootable"],
  [{ HOME: "/home/ann", XDG_CACHE_HOME: "/big" }, "/big/bootable"],
  [{ HOME: "/home/ann", XDG_CACHE_HOME: "relative" }, "/home/ann/.cache/bootable"],
  [{ HOME: "/home/ann", XDG_CACHE_HOME: "" }, "/home/ann/.cache/bootable"],
  [{ HOME: "" }, `${home}/.cache/bootable`],
  [{ HOME: "relative" }, `${home}/.cache/bootable`],
  [{}, `${home}/.cache/bootable`],
])("with %o the cache is in %s", (environment, cache) => {
  expect(ownDirectories(environment).cache).toBe(cache);
});

test("a folder of our own is private, and one that cannot be is named with what moves it", async () => {
  const parent = await mkdtemp(join(tmpdir(), "bootable-own-"));
  onTestFinished(() => rm(parent, { recursive: true, force: true }));
  const folder = { holds: "Images", variable: "XDG_DATA_HOME" } as const;
  await makeOwnFolder({ ...folder, path: join(parent, "a/b") });
  expect((await stat(join(parent, "a"))).mode & 0o777).toBe(0o700);
  await writeFile(join(parent, "file"), "");
  const told = await makeOwnFolder({ ...folder, path: join(parent, "file/b") }).then(String, (error: Failure) => describeFailure(error));
  expect(told.replaceAll(parent, "<parent>")).toBe(
    "Images are kept in <parent>/file/b, and that cannot be used (ENOTDIR).\nfix: set XDG_DATA_HOME to a folder that you may write to.",
  );
});
