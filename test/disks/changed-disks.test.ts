/** Little changes on a disk when little changes in its image: what a cloud stores and uploads for the next version. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Layer } from "../../provider/resources/ports.ts";
import { compareDisks, type Comparison } from "./changed-blocks.ts";
import { changedRoots, changes } from "./changed-roots.ts";
import { layeredImage, requestFor } from "./layered-image.ts";
import { disksIn, scratchFolder } from "./scratch.ts";

function given(variable: string): string {
  const value = process.env[variable];
  if (value === undefined) throw new Error(`${variable} is not set: run the tests with npm test, which makes it.`);
  return value;
}

interface Sum extends Comparison {
  readonly floor: number;
}

/** Several choices of files are summed up: one of them says little. */
async function measured(): Promise<ReadonlyMap<string, Sum>> {
  const folder = await scratchFolder();
  const roots = join(folder, "roots");
  await mkdir(roots);
  const sums = new Map<string, Sum>();
  for (const { name, before, after, floor = 0 } of await changedRoots(roots, given("BOOTABLE_BASE_TAR"))) {
    const [one, other] = [await diskOf(folder, before), await diskOf(folder, after)];
    const { changed, used } = compareDisks(one, other);
    await rm(other);
    const sum = sums.get(name) ?? { changed: 0, used: 0, floor: 0 };
    sums.set(name, { changed: sum.changed + changed, used: sum.used + used, floor: sum.floor + floor });
  }
  return sums;
}

let caches = 0;

/** Each in a cache of its own: none is there already. */
async function diskOf(folder: string, layers: readonly Layer[]): Promise<string> {
  const image = layeredImage([...layers]);
  return (await disksIn(join(folder, `cache ${caches++}`), image.images).make(requestFor(image))).path;
}

test("a Debian root: identical input, a new last layer, updated packages, scattered changes", async () => {
  const sums = await measured();
  for (const [name, { changed, used, floor }] of sums) console.log(`${name}: ${changed} of ${used} blocks, ${floor} in place`);
  const share = (name: string): number => (sums.get(name)?.changed ?? Infinity) / (sums.get(name)?.used ?? 1);
  expect(sums.get(changes.nothing)?.changed).toBe(0);
  expect(share(changes.lastLayer)).toBeLessThanOrEqual(0.05);
  expect(share(changes.packages)).toBeLessThanOrEqual(0.12);
  const { changed = Infinity, floor = 0 } = sums.get(changes.scattered) ?? {};
  expect(changed).toBeLessThanOrEqual(1.4 * floor);
});
