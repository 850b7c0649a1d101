/** Layouts as builders leave them, and as they must not. */
import { rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeImage, makeIndex, sha256, type MadeImage } from "../fakes/oci-layout.ts";
import { hostile, layoutOf, messageOf, never } from "./scratch.ts";

const layer = Buffer.from("a layer of its own");
const image = makeImage({ layers: [layer] });

function pathOf(folder: string, digest: string): string {
  return join(folder, "blobs", "sha256", digest.slice(7));
}

async function publishing(made: MadeImage, change: (folder: string) => Promise<void>) {
  const { registry, images, repository } = await hostile();
  const layoutDirectory = await layoutOf(made);
  await change(layoutDirectory);
  const work = images.publish({ repository, tags: ["in-1"], layoutDirectory, signal: never, onProgress: () => undefined });
  const replace = {
    [layoutDirectory]: "<layout>",
    [sha256(layer)]: "sha256:<layer>",
    [sha256(layer).slice(7)]: "<layer>",
    [made.digest]: "sha256:<image>",
  };
  return { registry, message: await messageOf(work, replace) };
}

test("a layer that is missing", async () => {
  const { registry, message } = await publishing(image, (folder) => rm(pathOf(folder, sha256(layer))));
  expect(message).toMatchInlineSnapshot(`
    "The built image in <layout> cannot be used: its file for sha256:<layer> is missing. Nothing was pushed.
    fix: build again, or with another builder."
  `);
  expect(registry.seen).toEqual([]);
});

test("a layer that is cut short", async () => {
  const { registry, message } = await publishing(image, (folder) => truncate(pathOf(folder, sha256(layer)), 3));
  expect(message).toMatchInlineSnapshot(`
    "The built image in <layout> cannot be used: its file for sha256:<layer> has 3 bytes instead of 18. Nothing was pushed.
    fix: build again, or with another builder."
  `);
  expect(registry.seen).toEqual([]);
});

test("a layer with other bytes", async () => {
  const { registry, message } = await publishing(image, (folder) => writeFile(pathOf(folder, sha256(layer)), "A layer of its own"));
  expect(message.replace(sha256("A layer of its own"), "sha256:<other>")).toMatchInlineSnapshot(`
    "The file <layout>/blobs/sha256/<layer> was to be sha256:<layer>, but the bytes have sha256:<other>. Nothing was done with it.
    fix: build again."
  `);
  expect(registry.seen).toEqual([]);
});

test("a manifest of an index that is missing", async () => {
  const { message } = await publishing(makeIndex({ amd64: image }), (folder) => rm(pathOf(folder, image.digest)));
  expect(message.replace(image.digest, "sha256:<child>")).toMatchInlineSnapshot(`
    "The built image in <layout> cannot be used: its manifest sha256:<child> is missing, too large or cut short. Nothing was pushed.
    fix: build again, or with another builder."
  `);
});

test("no index.json, and two images in one", async () => {
  expect((await publishing(image, (folder) => rm(join(folder, "index.json")))).message).toMatchInlineSnapshot(`
    "The built image in <layout> cannot be used: the folder has no index.json. Nothing was pushed.
    fix: build again, or with another builder."
  `);
  const entry = { mediaType: image.mediaType, digest: image.digest, size: image.manifest.length };
  const two = JSON.stringify({ schemaVersion: 2, manifests: [entry, { ...entry, digest: sha256("another") }] });
  expect((await publishing(image, (folder) => writeFile(join(folder, "index.json"), two))).message).toMatchInlineSnapshot(`
    "The built image in <layout> cannot be used: it holds 2 images where one is called for. Nothing was pushed.
    fix: build again, or with another builder."
  `);
});
