/** Root file systems of guests: each is made once from its recipe in test/guest, and kept in the cache. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { buildCache, checkout, run } from "./run.mjs";

const shared = ["debian-archive.mjs", "guest-files.mjs", "guest-units.mjs", "initramfs.mjs"];
const amd64 = ["base-rootfs.mjs", ...shared];

/** What the quickstart and most tests build on: Debian 13. */
export const base = { name: "base", variable: "BOOTABLE_BASE_TAR", recipe: amd64, args: ["trixie"] };

/** What only tests and benchmarks ask for. */
export const others = [
  { name: "bookworm", variable: "BOOTABLE_ROOT_BOOKWORM_TAR", recipe: amd64, args: ["bookworm"] },
  { name: "sid", variable: "BOOTABLE_ROOT_SID_TAR", recipe: amd64, args: ["sid"] },
  { name: "packages", variable: "BOOTABLE_ROOT_PACKAGES_TAR", recipe: ["packages-root.mjs", "debian-archive.mjs"], args: [] },
  { name: "arm64", variable: "BOOTABLE_ROOT_ARM64_TAR", recipe: ["arm64-rootfs.mjs", "arm64-settings.mjs", ...shared], args: [] },
];

/** The name changes with the recipe, so that an old one is never used. */
async function cachedPath({ name, recipe, args }) {
  const hash = createHash("sha256").update(JSON.stringify(args));
  for (const file of recipe) hash.update(await readFile(join(checkout, "test", "guest", file)));
  return join(buildCache, "guest", `${name}-${hash.digest("hex").slice(0, 16)}.tar`);
}

async function provideRoot(root) {
  const path = await cachedPath(root);
  if (existsSync(path)) return { path, made: false };
  const partial = `${path.slice(0, -".tar".length)}.partial-${process.pid}.tar`;
  await mkdir(join(path, ".."), { recursive: true });
  try {
    await run([process.execPath, join(checkout, "test", "guest", root.recipe[0]), partial, ...root.args], { log: `guest-${root.name}` });
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
  return { path, made: true };
}

/**
 * The roots in the cache, made now unless they are there.
 * @returns {Promise<{ did: string, env: Record<string, string> }>} where they are, by the variables that tests know them by
 */
export async function provideRoots(roots) {
  const env = {};
  const made = [];
  for (const root of roots) {
    const provided = await provideRoot(root);
    env[root.variable] = provided.path;
    if (provided.made) made.push(root.name);
  }
  return { did: made.length === 0 ? "unchanged" : `made: ${made.join(", ")}`, env };
}
