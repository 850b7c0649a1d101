/** Dependencies by `npm ci`, Node 24 among them, and the compiled provider. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { checkout, run } from "./run.mjs";

const modules = join(checkout, "node_modules");

/** The Node 24 that runs everything after the set-up. */
export const node24 = join(modules, "node", "bin", "node");

async function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths) hash.update(`${path}\0`).update(await readFile(join(checkout, path)));
  return hash.digest("hex");
}

async function sameStamp(path, hash) {
  return (await readFile(path, "utf8").catch(() => "")) === hash;
}

export async function installModules() {
  const hash = await hashOf(["package-lock.json"]);
  const stamp = join(modules, ".bootable-lock");
  const unchanged = (await sameStamp(stamp, hash)) && existsSync(node24);
  if (unchanged) return "unchanged";
  await run(["npm", "ci", "--ignore-scripts"], { log: "npm-ci" });
  if (!existsSync(node24)) await run(["node", "installArchSpecificPackage"], { log: "npm-node", cwd: join(modules, "node") });
  // npm links no program that a skipped install script had still to fetch; every script's first line looks for it there.
  await rm(join(modules, ".bin", "node"), { force: true });
  await symlink("../node/bin/node", join(modules, ".bin", "node"));
  await writeFile(stamp, hash);
  return "installed by npm ci";
}

export async function compileProvider() {
  const sources = (await readdir(join(checkout, "provider"), { recursive: true })).filter((name) => /\.(ts|json)$/.test(name)).sort();
  const hash = await hashOf([...sources.map((name) => join("provider", name)), "tsconfig.json", "package.json", "package-lock.json"]);
  const stamp = join(checkout, "dist", ".sources");
  if (await sameStamp(stamp, hash)) return "unchanged";
  await run([node24, join(modules, "typescript", "bin", "tsc"), "-p", "provider/tsconfig.json"], { log: "tsc" });
  await writeFile(stamp, hash);
  return "compiled";
}
