/** The oldest Node that the provider runs on, from its npm package, beside what the set-up keeps. */
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { buildCache, run } from "./run.mjs";

const version = "22.23.3";

/** @returns {Promise<{ did: string, path: string }>} where its program is */
export async function provideOlderNode() {
  const name = `node-linux-${process.arch}`;
  const folder = join(buildCache, `node-${version}`);
  const path = join(folder, "node_modules", name, "bin", "node");
  if (existsSync(path)) return { did: "unchanged", path };
  const partial = `${folder}.partial-${process.pid}`;
  try {
    await mkdir(partial, { recursive: true });
    await run(["npm", "install", "--ignore-scripts", "--no-save", "--prefix", partial, `${name}@${version}`], { log: "npm-older-node" });
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return { did: `installed ${version}`, path };
}
