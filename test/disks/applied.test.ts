/** Disks against the trees that buildah makes of the same layers, and disks made without any rights. Needs root. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { bootable, layer, layeredImage, requestFor } from "./layered-image.ts";
import { describeFiles, partitions, shownContent, withRootMounted } from "./mounted.ts";
import { writeLayout } from "./oci-layout.ts";
import { disksIn, output, scratchFolder } from "./scratch.ts";
import { base, second } from "./stack.ts";
import { tar, type TarInput } from "./tar-writer.ts";

/** What buildah's storage makes of the layers; it stamps directories that it changes itself, so their times do not count. */
async function appliedByBuildah(layers: readonly Buffer[]): Promise<Record<string, string>> {
  const folder = await scratchFolder();
  await writeLayout(join(folder, "layout"), layers);
  await mkdir(join(folder, "run"));
  const buildah = (...args: readonly string[]): Promise<string> =>
    output("buildah", ["--root", join(folder, "root"), "--runroot", join(folder, "run"), "--storage-driver", "vfs", ...args]);
  const storage = `[vfs@${join(folder, "root")}+${join(folder, "run")}]`;
  // buildah would make an image name of the folder's, which may have capital letters in it.
  await output("skopeo", ["copy", "--quiet", `oci:${join(folder, "layout")}`, `containers-storage:${storage}localhost/os:1`]);
  const container = (await buildah("from", "--pull-never", "localhost/os:1")).trim();
  try {
    return withoutFolderTimes(await describeFiles((await buildah("mount", container)).trim()));
  } finally {
    await buildah("rm", container);
    await buildah("rmi", "--all");
  }
}

function withoutFolderTimes(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([path, facts]) => [path, facts.startsWith("4") ? facts.replace(/ @[-0-9.]+/, "") : facts]),
  );
}

async function onDisk(layers: readonly Buffer[]): Promise<Record<string, string>> {
  const image = layeredImage(layers.map((bytes) => layer(bytes)));
  const disk = await disksIn(await scratchFolder(), image.images).make(requestFor(image, { sizeBytes: 192 * 1024 ** 2 }));
  const root = (await partitions(disk.path)).at(-1);
  await output("e2fsck", ["-fn", `${disk.path}?offset=${root?.offsetBytes}`]);
  return withoutFolderTimes(await withRootMounted(disk.path, describeFiles));
}

const third: readonly TarInput[] = [
  { path: "usr/bin/.wh.same" },
  { path: "opt/a", type: "directory", mode: 0o711 },
  { path: "opt/a/.wh..wh..opq" },
  { path: "opt/a/new", content: "6", uid: 100_000, gid: 70_000 },
  { path: "etc/replaced", content: "a file again" },
];

test("the kernel finds on the disk what buildah unpacks", async () => {
  const layers = [base, second, third].map((entries) => tar(entries));
  expect(await onDisk(layers)).toEqual(await appliedByBuildah(layers));
});

const name = fc.constantFrom("f", "g", "with space", 'quo"te', "é");
const folder = fc.constantFrom("", "d/", "d/e/", "usr/bin/");
const file = fc.record({
  path: fc.tuple(folder, name).map((parts) => parts.join("")),
  content: fc.uint8Array({ maxLength: 20_000 }).map((bytes) => Buffer.from(bytes)),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.constantFrom(0, 1000, 65_534, 4_000_000_000),
  mtimeSeconds: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  xattrs: fc.dictionary(
    fc.constantFrom("user.a", "user.bb"),
    fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  ),
});
const gone = fc.tuple(folder, name).map(([parents, hidden]): TarInput => ({ path: `${parents}.wh.${hidden}` }));
const stack = fc.array(fc.array(fc.oneof({ weight: 4, arbitrary: file }, { weight: 1, arbitrary: gone }), { maxLength: 12 }), {
  maxLength: 4,
});

test("stacks of files come out of the kernel as they went into the layers", async () => {
  await fc.assert(
    fc.asyncProperty(stack, async (layers) => {
      const expected = new Map<string, TarInput>();
      for (const entries of layers) {
        for (const { path } of entries.filter((entry) => entry.path.includes(".wh."))) expected.delete(path.replace(".wh.", ""));
        for (const entry of entries.filter((entry) => !entry.path.includes(".wh."))) expected.set(entry.path, entry);
      }
      const found = await onDisk([tar(bootable), ...layers.map((entries) => tar(latin(entries)))]);
      const plain = Object.entries(found).filter(([path]) => /\/(?:f|g|with space|quo"te|\xc3\xa9)$/.test(path));
      const facts = plain.map(([path, text]) => [Buffer.from(path.slice(1), "latin1").toString(), text]);
      expect(Object.fromEntries(facts)).toEqual(Object.fromEntries([...expected].map(([path, input]) => [path, shownFile(input)])));
    }),
    { numRuns: 8, endOnFailure: true },
  );
});

function shownFile({ content = "", mode = 0, uid = 0, mtimeSeconds = 0, xattrs = {} }: TarInput): string {
  const attributes = Object.entries(xattrs).map(
    ([name, value]) => `${name}=${value.length < 100 ? `0x${value.toString("hex")}` : shownContent(value)}`,
  );
  const owner = `${(0o100000 | mode).toString(8)} ${uid}:0 x1 @${mtimeSeconds}`;
  return [owner, shownContent(Buffer.from(content)), ...attributes.sort()].join(" ");
}

/** The writer takes byte strings. */
function latin(entries: readonly TarInput[]): TarInput[] {
  return entries.map((entry) => ({ ...entry, path: Buffer.from(entry.path).toString("latin1") }));
}

test("an unprivileged user gets the same disk", async () => {
  const directory = await scratchFolder();
  await output("chown", ["65534:65534", directory]);
  const maker = new URL("unprivileged-maker.ts", import.meta.url).pathname;
  // To read the checkout wherever it lies is the one thing that it may do beyond a user's rights.
  const rights = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--bounding-set=-all,+dac_read_search"];
  const made = await output("setpriv", [
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--no-new-privs",
    ...rights,
    process.execPath,
    maker,
    directory,
  ]);
  const image = layeredImage([base, second]);
  const disk = await disksIn(await scratchFolder(), image.images).make(requestFor(image));
  expect(JSON.parse(made)).toEqual({ user: 65_534, digest: disk.digest });
});
