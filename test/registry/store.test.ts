/** The local store: safe for several processes, bounded, readable by others, never half written. */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { sweep } from "../../provider/registry/store-sweep.ts";
import { Store } from "../../provider/registry/store.ts";
import { makeImage, sha256 } from "../fakes/oci-layout.ts";
import { amd64, bytesOf, hostile, imagesIn, layoutOf, messageOf, never, scratchFolder } from "./scratch.ts";

const local = { registry: "local", repository: "os" };
const silent = (): void => undefined;
const base = Buffer.alloc(2_000_000, "shared by all");

async function blobsIn(storeDirectory: string): Promise<string[]> {
  return readdir(join(storeDirectory, "blobs", "sha256"));
}

async function age(path: string): Promise<void> {
  const old = new Date(Date.now() - 48 * 3600 * 1000);
  await utimes(path, old, old);
}

async function storeWith(...made: ReturnType<typeof makeImage>[]) {
  const storeDirectory = join(await scratchFolder(), "store");
  const images = await imagesIn(await scratchFolder(), { storeDirectory });
  const publish = async (image: ReturnType<typeof makeImage>, ...tags: string[]) =>
    images.publish({ layoutDirectory: await layoutOf(image), repository: local, tags, signal: never, onProgress: silent });
  for (const [index, image] of made.entries()) await publish(image, `v${index}`);
  return { storeDirectory, images, publish };
}

test("two processes publish into and remove from one store at once, and no image is lost", async () => {
  const storeDirectory = join(await scratchFolder(), "store");
  const script = join(import.meta.dirname, "store-user.ts");
  const run = (name: string) => promisify(execFile)(process.execPath, [script, storeDirectory, name, "12"]);
  const outputs = await Promise.all([run("a"), run("b")]);
  expect(outputs.map((output) => output.stdout)).toEqual(["a kept 12\n", "b kept 12\n"]);
  const images = await imagesIn(await scratchFolder(), { storeDirectory });
  const kept = await images.tags(local, never);
  expect(kept).toHaveLength(24);
  for (const tag of kept ?? []) expect(await images.resolve({ ...local, tag }, { signal: never }), tag).toBeDefined();
  expect((await blobsIn(storeDirectory)).filter((name) => name.includes("partial"))).toEqual([]);
});

test("removing the last image of a layer removes the layer, not before", async () => {
  const [first, second] = [makeImage({ layers: [base], labels: { v: "1" } }), makeImage({ layers: [base], labels: { v: "2" } })];
  const { storeDirectory, images } = await storeWith(first, second);
  await images.remove({ ...local, digest: first.digest }, never);
  expect(await blobsIn(storeDirectory)).toContain(sha256(base).slice(7));
  expect(await images.describe({ ...local, digest: second.digest }, never)).toBeDefined();
  await images.remove({ ...local, digest: second.digest }, never);
  expect(await blobsIn(storeDirectory)).toEqual([]);
});

test("an image with a missing file is not there, and publishing it again heals it", async () => {
  const image = makeImage({ layers: [base] });
  const { storeDirectory, images, publish } = await storeWith(image);
  const reference = { ...local, digest: image.digest };
  const { layers } = await images.open(reference, amd64, { signal: never, onProgress: silent });
  await rm(join(storeDirectory, "blobs", "sha256", sha256(base).slice(7)));
  expect(await images.resolve({ ...local, tag: "v0" }, { signal: never })).toBeUndefined();
  expect(await images.describe(reference, never)).toBeUndefined();
  const replace = { [storeDirectory]: "<store>", [sha256(base).slice(7)]: "<layer>", [image.digest.slice(7, 19)]: "9f2c" };
  expect(await messageOf(bytesOf(layers[0]!.open()), replace)).toMatchInlineSnapshot(`
    "Could not fetch image local/os@sha256:9f2c…: its file <store>/blobs/sha256/<layer> is gone.
    fix: run pulumi up again; the image is built again when a part of it is missing."
  `);
  await publish(image, "v0");
  expect(await bytesOf(layers[0]!.open())).toEqual(base);
});

test("a name is only good for its own repository", async () => {
  const image = makeImage();
  const { images } = await storeWith(image);
  expect(await images.describe({ registry: "local", repository: "other", digest: image.digest }, never)).toBeUndefined();
  expect(await images.resolve({ registry: "local", repository: "o", tag: "v0" }, { signal: never })).toBeUndefined();
});

test("other registries' blobs are evicted by age when they are too many, stored images never", async () => {
  const storeDirectory = join(await scratchFolder(), "store");
  const own = makeImage({ layers: [base] });
  const { registry, images, repository } = await hostile({ storeDirectory });
  await images.publish({ layoutDirectory: await layoutOf(own), repository: local, tags: ["v1"], signal: never, onProgress: silent });
  const cached = [Buffer.alloc(1000, "a"), Buffer.alloc(1000, "b"), Buffer.alloc(1000, "c")];
  for (const layer of cached) {
    const image = makeImage({ layers: [layer] });
    registry.hold("team/os", image);
    await images.open({ ...repository, digest: image.digest }, amd64, { signal: never, onProgress: silent });
  }
  const store = new Store(storeDirectory);
  const before = await blobsIn(storeDirectory);
  await writeFile(join(store.blobs, "abc.partial-1-ff"), "left by a crash");
  await writeFile(join(store.blobs, "abc.partial-2-ff"), "being written");
  for (const name of [...before.filter((name) => name !== sha256(cached[2]!).slice(7)), "abc.partial-1-ff"])
    await age(store.path(`sha256:${name}`));
  await sweep(store, { cacheBytes: 0, now: Date.now() });
  const after = await blobsIn(storeDirectory);
  expect(after).not.toContain("abc.partial-1-ff");
  expect(after).not.toContain(sha256(cached[0]!).slice(7));
  expect(after).toContain("abc.partial-2-ff");
  expect(after).toContain(sha256(cached[2]!).slice(7));
  expect(await images.describe({ ...local, digest: own.digest }, never)).toBeDefined();
  await sweep(store, { cacheBytes: 0, now: Date.now() + 48 * 3600 * 1000 });
  expect((await blobsIn(storeDirectory)).sort()).toEqual([...own.blobs.keys(), own.digest].map((digest) => digest.slice(7)).sort());
});

test("a disk that is full", async () => {
  const folder = await scratchFolder();
  const script = join(import.meta.dirname, "full-disk.ts");
  const { stdout } = await promisify(execFile)("unshare", ["--map-root-user", "--mount", process.execPath, script, folder]);
  expect(stdout.replaceAll(folder, "<folder>")).toMatchInlineSnapshot(`
    "The disk under the image store <folder>/store is full. What was being written to it was removed.
    fix: make room there, or set XDG_DATA_HOME to a folder on a larger disk.
    partial files: 0
    "
  `);
});

test("an index that is no JSON", async () => {
  const { storeDirectory, images } = await storeWith();
  await mkdir(storeDirectory, { recursive: true });
  await writeFile(join(storeDirectory, "index.json"), "half of it");
  expect(await messageOf(images.resolve({ ...local, tag: "v1" }, { signal: never }), { [storeDirectory]: "<store>" }))
    .toMatchInlineSnapshot(`
    "<store>/index.json lists the images stored there, but it is not a JSON object.
    fix: move <store> away; images are fetched or built again."
  `);
});

test("the store is an OCI layout by the book", async () => {
  const image = makeImage();
  const { storeDirectory } = await storeWith(image);
  expect(JSON.parse(await readFile(join(storeDirectory, "oci-layout"), "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" });
  const entry = (name: string) => ({
    mediaType: image.mediaType,
    digest: image.digest,
    size: image.manifest.length,
    annotations: { "org.opencontainers.image.ref.name": name },
  });
  expect(JSON.parse(await readFile(join(storeDirectory, "index.json"), "utf8"))).toEqual({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [entry(`os@${image.digest}`), entry("os:v0")],
  });
});
