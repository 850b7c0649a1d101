import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import { removeFile } from "../../provider/storage/remove-file.ts";

async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bootable-remove-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test("removes a file by its relative path, and again", async () => {
  const path = relative(process.cwd(), join(await scratchFolder(), "web.raw"));
  await writeFile(path, "");
  await removeFile(path);
  await expect(removeFile(path)).resolves.toBeUndefined();
});

test("a folder of that name is left alone, and named", async () => {
  const folder = await scratchFolder();
  const thrown = await removeFile(folder).catch((error: unknown) => error);
  expect(describeFailure(thrown as Failure).replace(folder, "out/web.raw")).toMatchInlineSnapshot(`
    "File out/web.raw could not be removed (it is a folder).
    fix: make its folder writable, or remove it yourself, then run pulumi up again."
  `);
});
