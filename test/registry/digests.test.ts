/** Bytes that are not what they were to be: never used, never kept, and said so. */
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { answer } from "../fakes/hostile-registry.ts";
import { makeImage, sha256 } from "../fakes/oci-layout.ts";
import { amd64, bytesOf, hostile, messageOf, never, scratchFolder } from "./scratch.ts";

const layer = Buffer.from("a layer with some bytes");
const image = makeImage({ layers: [layer] });
const silent = (): void => undefined;

async function holding() {
  const storeDirectory = await scratchFolder();
  const set = await hostile({ storeDirectory });
  set.registry.hold("team/os", image, ["in-1"]);
  const reference = { ...set.repository, digest: image.digest };
  const open = () => set.images.open(reference, amd64, { signal: never, onProgress: silent });
  const kept = async () => (await readdir(join(storeDirectory, "blobs", "sha256"))).sort();
  const replace = {
    [set.registry.host]: "registry.example.com",
    [image.digest]: "sha256:<image>",
    [image.digest.slice(7, 19)]: "<image>",
    [sha256(layer)]: "sha256:<layer>",
  };
  return { ...set, reference, open, kept, replace };
}

test.each([
  ["other bytes", Buffer.from("A layer with some bytes"), "the bytes have"],
  ["too few bytes", layer.subarray(0, 5), "only 5 of its 23 bytes came"],
  ["too many bytes", Buffer.concat([layer, layer]), "more than its 23 bytes came"],
])("a layer with %s", async (_, bytes, why) => {
  const { registry, repository, open, kept, replace } = await holding();
  registry.blobs.set(`${repository.repository} ${sha256(layer)}`, bytes);
  const rest = why === "the bytes have" ? `${why} ${sha256(bytes)}` : why;
  expect(await messageOf(open(), replace)).toBe(
    [
      `A blob of registry.example.com/team/os was to be sha256:<layer>, but ${rest}. Nothing of it was kept.`,
      "fix: push the image again, and distrust what stores or carries it: memory, disks, proxies.",
    ].join("\n"),
  );
  expect(await kept()).not.toContain(sha256(layer).slice(7));
  expect((await kept()).filter((name) => name.includes("partial"))).toEqual([]);
});

test("a manifest with other bytes, whatever its header says", async () => {
  const { registry, images, reference, replace } = await holding();
  const other = makeImage({ layers: [Buffer.from("evil")] });
  const headers = { "content-type": other.mediaType, "docker-content-digest": image.digest };
  registry.misbehave(
    (request, response) => request.url?.includes("/manifests/") === true && answer(response, 200, { headers, body: other.manifest }),
  );
  expect(await messageOf(images.describe(reference, never), { ...replace, [other.digest]: "sha256:<other>" })).toMatchInlineSnapshot(`
    "Could not tell whether image registry.example.com/team/os@sha256:<image>… still exists: asked for sha256:<image>, registry.example.com gave a manifest with sha256:<other>; it was not used.
    fix: push the image again, and distrust what stores or carries it: memory, disks, proxies."
  `);
});

test("a HEAD that answers with another digest than it was asked for", async () => {
  const { registry, images, reference, replace } = await holding();
  const headers = { "docker-content-digest": sha256("other") };
  registry.misbehave((_, response) => answer(response, 200, { headers }));
  expect(await messageOf(images.resolve(reference, { signal: never }), { ...replace, [sha256("other")]: "sha256:<other>" }))
    .toMatchInlineSnapshot(`
      "Could not look up image registry.example.com/team/os@sha256:<image>…: asked for sha256:<image>, registry.example.com gave a manifest with sha256:<other>; it was not used.
      fix: push the image again, and distrust what stores or carries it: memory, disks, proxies."
    `);
});

test("a HEAD without a digest is made up for by reading", async () => {
  const { registry, images, repository } = await holding();
  registry.misbehave((request, response) => request.method === "HEAD" && answer(response, 200));
  expect(await images.resolve({ ...repository, tag: "in-1" }, { signal: never })).toBe(image.digest);
});

test.each([
  [{ schemaVersion: 2, manifests: [], layers: [], config: {} }, "its manifest is an index and an image at once"],
  [
    { schemaVersion: 2, mediaType: "application/vnd.example+json", layers: [], config: {} },
    `its manifest is of type "application/vnd.example+json", which is no image that this provider knows`,
  ],
  [{ schemaVersion: 1, fsLayers: [] }, "its manifest has schema version 1, and only 2 is known here"],
  [[], "its manifest is no JSON object"],
  [
    { schemaVersion: 2, config: { digest: "sha512:abc", size: 1 }, layers: [] },
    `it names the digest "sha512:abc", and only sha256 digests are known here`,
  ],
  [
    { schemaVersion: 2, config: { digest: "sha256:../../../etc/passwd", size: 1 }, layers: [] },
    `it names the digest "sha256:../../../etc/passwd", and only sha256 digests are known here`,
  ],
  [{ schemaVersion: 2, config: { digest: sha256("x") }, layers: [] }, `it gives no size for ${sha256("x")}`],
])("a manifest that cannot be used: %j", async (content, why) => {
  const { registry, images, repository, replace } = await holding();
  const bytes = Buffer.from(JSON.stringify(content));
  const reference = { ...repository, digest: sha256(bytes) };
  registry.manifests.set(`team/os ${reference.digest}`, { bytes, mediaType: "application/vnd.oci.image.manifest.v1+json" });
  expect(await messageOf(images.describe(reference, never), { ...replace, [sha256(bytes)]: "sha256:<it>" })).toBe(
    `Image registry.example.com/team/os@sha256:<it> cannot be used: ${why}.\nfix: build and push the image again.`,
  );
});

test("a file in the store that went bad is removed, and comes again", async () => {
  const storeDirectory = await scratchFolder();
  const { registry, images, repository } = await hostile({ storeDirectory });
  registry.hold("team/os", image);
  const { layers } = await images.open({ ...repository, digest: image.digest }, amd64, { signal: never, onProgress: silent });
  const path = join(storeDirectory, "blobs", "sha256", sha256(layer).slice(7));
  await writeFile(path, "A layer with some bytes");
  const replace = { [path]: "<path>", [sha256(layer)]: "sha256:<layer>", [sha256("A layer with some bytes")]: "sha256:<other>" };
  expect(await messageOf(bytesOf(layers[0]!.open()), replace)).toMatchInlineSnapshot(`
    "The file <path> was to be sha256:<layer>, but the bytes have sha256:<other>. It was removed, so that the next run gets it again.
    fix: run pulumi up again; when it happens often, check this computer's memory and disk."
  `);
  expect(await bytesOf(layers[0]!.open())).toEqual(layer);
});
