/** How much of a disk changes when a little of its image does, in blocks of 512 KiB: ours, mke2fs -d, and an edit in place. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disks } from "../../provider/disks/disks.ts";
import type { Layer } from "../../provider/resources/ports.ts";
import { compareDisks } from "../disks/changed-blocks.ts";
import { changedRoots, type ChangedRoot } from "../disks/changed-roots.ts";
import { layeredImage, requestFor } from "../disks/layered-image.ts";
import { programs } from "../disks/programs.ts";
import { given, run } from "./measure.ts";
import { formatChangesRow, type Blocks } from "./table.ts";

const folder = await mkdtemp(join(tmpdir(), "bootable-bench-"));
const roots = join(folder, "roots");
const uuid = "11111111-2222-8333-8444-555555555555";
try {
  await mkdir(roots);
  const changed = await changedRoots(roots, given("BOOTABLE_BASE_TAR"));
  for (const [name, same] of Map.groupBy(changed, (root) => root.name)) await measure(name, same);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measure(name: string, same: readonly ChangedRoot[]): Promise<void> {
  const ours = await sumOf(same, async ({ before, after }) => [await diskOf("before", before), await diskOf("after", after)]);
  const floor = same.reduce((sum, one) => sum + (one.floor ?? 0), 0);
  const what = `blocks of 512 KiB of a Debian disk that change: ${name}`;
  if (same.some(({ top }) => top === undefined)) return console.log(formatChangesRow(what, ours, {}));
  const theirs = await sumOf(same, async ({ top }) => [await fileSystemOf("before"), await fileSystemOf("after", top)]);
  console.log(formatChangesRow(`${what} (three choices)`, ours, { floor, others: { "mke2fs -d": theirs } }));
}

async function sumOf(same: readonly ChangedRoot[], pair: (root: ChangedRoot) => Promise<[string, string]>): Promise<Blocks> {
  const sum = { changed: 0, used: 0 };
  for (const root of same) {
    const [one, other] = await pair(root);
    const { changed, used } = compareDisks(one, other);
    sum.changed += changed;
    sum.used += used;
  }
  return sum;
}

/** In an empty cache: nothing is there already. */
async function diskOf(name: string, layers: readonly Layer[]): Promise<string> {
  const cacheDirectory = join(folder, name);
  await rm(cacheDirectory, { recursive: true, force: true });
  const image = layeredImage([...layers]);
  return (await disks({ images: image.images, programs, cacheDirectory, cacheSizeBytes: () => 1024 ** 4 }).make(requestFor(image))).path;
}

/** With one UUID and one hash seed, so that names and files alone decide. */
async function fileSystemOf(name: string, top?: string): Promise<string> {
  const image = join(folder, `${name}.ext4`);
  const root = join(folder, "root");
  await rm(image, { force: true });
  await rm(root, { recursive: true, force: true });
  await run("cp", ["--archive", join(roots, "root"), root]);
  if (top !== undefined) await run("tar", ["--extract", "--numeric-owner", "--directory", root, "--file", top]);
  await run("mke2fs", ["-q", "-t", "ext4", "-U", uuid, "-E", `hash_seed=${uuid},root_owner=0:0`, "-d", root, image, "576m"]);
  return image;
}
