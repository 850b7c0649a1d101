import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { startRegistry } from "../fakes/docker-registry.ts";
import { scratchFolder } from "./scratch.ts";

test("a layer of 500 MiB is pushed, fetched, read and stored in bounded memory", async () => {
  const registry = await startRegistry();
  onTestFinished(() => registry.stop());
  const folder = await scratchFolder();
  const script = join(import.meta.dirname, "large-image.ts");
  await promisify(execFile)(process.execPath, [script, registry.configHome, registry.host, folder, "500"]);
  const figures = JSON.parse(await readFile(join(folder, "figures.json"), "utf8")) as { growthMebibytes: number };
  console.log(`500 MiB: ${JSON.stringify(figures)}`);
  expect(figures.growthMebibytes).toBeLessThan(200);
});
