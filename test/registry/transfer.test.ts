/** Blobs on their way: broken connections, registries that fail in between, Ctrl-C. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { answer } from "../fakes/hostile-registry.ts";
import { makeImage, sha256 } from "../fakes/oci-layout.ts";
import { amd64, bytesOf, hostile, layoutOf, messageOf, never, scratchFolder } from "./scratch.ts";

const layer = Buffer.alloc(300_000, "0123456789");
const image = makeImage({ layers: [layer] });
const layerPath = `/v2/team/os/blobs/${sha256(layer)}`;
const silent = (): void => undefined;

async function holding(attempts = 3) {
  const storeDirectory = await scratchFolder();
  const set = await hostile({ storeDirectory, patience: { attempts } });
  set.registry.hold("team/os", image, ["in-1"]);
  const reference = { ...set.repository, digest: image.digest };
  const open = (signal = never) => set.images.open(reference, amd64, { signal, onProgress: silent });
  const stored = async () => readdir(join(storeDirectory, "blobs", "sha256"));
  return { ...set, open, stored, replace: { [set.registry.host]: "registry.example.com", [image.digest.slice(7, 19)]: "9f2c" } };
}

/** Sends up to `bytes` more of the layer than was asked for to begin at, then hangs up. */
function breakAfter(bytes: number, supportsRanges = true): Parameters<Awaited<ReturnType<typeof holding>>["registry"]["misbehave"]>[0] {
  return (request, response) => {
    if (request.url !== layerPath) return false;
    const from = supportsRanges ? Number(/^bytes=([0-9]+)-/.exec(request.headers.range ?? "")?.[1] ?? 0) : 0;
    const until = Math.min(layer.length, from + bytes);
    const range = { "content-range": `bytes ${from}-${layer.length - 1}/${layer.length}` };
    response.writeHead(from > 0 ? 206 : 200, { "content-length": String(layer.length - from), ...(from > 0 ? range : {}) });
    response.write(layer.subarray(from, until), () => (until === layer.length ? response.end() : response.destroy()));
    return true;
  };
}

test("a connection that breaks again and again is taken up where it broke", async () => {
  const { registry, open } = await holding();
  registry.misbehave(breakAfter(70_000));
  const { layers } = await open();
  expect(await bytesOf(layers[0]!.open())).toEqual(layer);
  expect(registry.seen.filter((one) => one.path === layerPath)).toHaveLength(5);
});

test("a server that knows no ranges sends the beginning again, which is not stored twice", async () => {
  const { registry, open } = await holding();
  let bytes = 60_000;
  registry.misbehave((request, response) => breakAfter((bytes += 120_000), false)(request, response));
  const { layers } = await open();
  expect(await bytesOf(layers[0]!.open())).toEqual(layer);
});

test("a connection that never brings anything", async () => {
  const { registry, open, stored, replace } = await holding(2);
  registry.misbehave((request, response) => {
    if (request.url !== layerPath) return false;
    response.writeHead(200, { "content-length": String(layer.length) });
    response.flushHeaders();
    setImmediate(() => response.destroy());
    return true;
  });
  expect(await messageOf(open(), replace)).toMatchInlineSnapshot(`
    "Could not fetch image registry.example.com/team/os@sha256:9f2c…: registry.example.com closed the connection too early (ECONNRESET), 3 times.
    fix: check that registry.example.com is the registry's name and port and that it is up."
  `);
  expect((await stored()).filter((name) => name.includes("partial"))).toEqual([]);
});

test("another range than was asked for is not pieced in", async () => {
  const { registry, open, replace } = await holding();
  registry.misbehave((request, response) => {
    if (request.headers.range === undefined) return breakAfter(1000)(request, response);
    return answer(response, 206, { headers: { "content-range": `bytes 0-${layer.length - 1}/${layer.length}` }, body: layer });
  });
  expect(await messageOf(open(), replace)).toMatchInlineSnapshot(
    `"Could not fetch image registry.example.com/team/os@sha256:9f2c…: registry.example.com sent another range of the blob than it was asked for."`,
  );
});

test("Ctrl-C in the middle of a layer leaves nothing of it", async () => {
  const { registry, open, stored, replace } = await holding();
  const stop = new AbortController();
  registry.misbehave((request, response) => {
    if (request.url !== layerPath) return false;
    response.writeHead(200, { "content-length": String(layer.length) });
    response.write(layer.subarray(0, 1000), () => setImmediate(() => stop.abort()));
    return true;
  });
  expect(await messageOf(open(stop.signal), replace)).toMatchInlineSnapshot(
    `"Fetching image registry.example.com/team/os@sha256:9f2c… was cancelled."`,
  );
  const names = await stored();
  expect(names.filter((name) => name.includes("partial") || name === sha256(layer).slice(7))).toEqual([]);
});

test("an upload that breaks begins anew, and progress ends where the bytes do", async () => {
  const { registry, images, repository } = await hostile();
  let broken = 0;
  registry.misbehave((request, response) => {
    if (request.method !== "PUT" || !(request.url ?? "").includes("/uploads/") || broken >= 2) return false;
    broken += 1;
    if (broken === 1) request.socket.destroy();
    return broken === 1 || answer(response, 502);
  });
  const reports: string[] = [];
  await images.publish({
    repository,
    tags: ["in-1"],
    layoutDirectory: await layoutOf(image),
    signal: never,
    onProgress: ({ phase, doneBytes, totalBytes }) => void reports.push(`${phase} ${doneBytes} of ${totalBytes}`),
  });
  const total = [...image.blobs.values()].reduce((sum, blob) => sum + blob.length, 0);
  expect(broken).toBe(2);
  expect(reports.at(-1)).toBe(`pushing ${total} of ${total}`);
});

test("only what is missing is sent, and what a sister repository has is mounted", async () => {
  const { registry, images, repository } = await hostile();
  const publish = async (path: string, made: typeof image) =>
    images.publish({
      repository: { ...repository, repository: path },
      tags: [],
      layoutDirectory: await layoutOf(made),
      signal: never,
      onProgress: silent,
    });
  const uploads = () => registry.seen.filter((one) => one.method === "PUT" && one.path.includes("/uploads/")).length;
  await publish("team/os", image);
  expect(uploads()).toBe(2);
  await publish("team/os", makeImage({ layers: [layer], labels: { v: "2" } }));
  expect(uploads()).toBe(3);
  await publish("team/other", image);
  expect(uploads()).toBe(3);
  expect(registry.blobs.get(`team/other ${sha256(layer)}`)).toEqual(layer);
});

test("a mount that is refused becomes an upload", async () => {
  const { registry, images, repository } = await hostile();
  registry.misbehave((request, response) => (request.url ?? "").includes("mount=") && answer(response, 403));
  for (const path of ["team/os", "team/other"]) {
    const layoutDirectory = await layoutOf(image);
    await images.publish({ repository: { ...repository, repository: path }, tags: [], layoutDirectory, signal: never, onProgress: silent });
  }
  expect(registry.blobs.get(`team/other ${sha256(layer)}`)).toEqual(layer);
});

test("an image is not taken from the registry twice, and from none once it is known", async () => {
  const { registry, open, images, repository } = await holding();
  await open();
  registry.misbehave((_, response) => answer(response, 500));
  const again = await open();
  expect(await bytesOf(again.layers[0]!.open())).toEqual(layer);
  expect(registry.seen).toEqual([]);
  expect(await images.resolve({ ...repository, tag: "x" }, { signal: never }).catch(() => "asked")).toBe("asked");
});

test("a platform that the image is not for", async () => {
  const { images, repository, registry, replace } = await holding();
  const request = { signal: never, onProgress: silent };
  const work = images.open({ ...repository, digest: image.digest }, { os: "linux", architecture: "arm64" }, request);
  expect(await messageOf(work, { ...replace, [image.digest]: "sha256:9f2c…" })).toMatchInlineSnapshot(`
    "Image registry.example.com/team/os@sha256:9f2cd2785de7bb38a845cbd8cce59e0b0752b2f10baea53197ae3a66 is for linux/amd64, and linux/arm64 was asked for.
    fix: ask for a platform that the image is built for, or add this one to the platforms of the Image."
  `);
  expect(registry.seen.length).toBeGreaterThan(0);
});

test("an image that is gone", async () => {
  const { images, repository, replace } = await holding();
  const reference = { ...repository, digest: sha256("gone") };
  const names = { ...replace, [reference.digest]: "sha256:<gone>", [sha256("gone").slice(7, 19)]: "<gone>" };
  expect(await messageOf(images.open(reference, amd64, { signal: never, onProgress: silent }), names)).toMatchInlineSnapshot(`
    "Could not fetch image registry.example.com/team/os@sha256:<gone>…: it has no manifest sha256:<gone>.
    fix: build and push the image again, or set image to one that exists."
  `);
  expect(await messageOf(images.tag(reference, ["stable"], never), names)).toMatchInlineSnapshot(`
    "Could not tag image registry.example.com/team/os@sha256:<gone>… as stable: it is not there any more. No tag was moved.
    fix: run pulumi up again; the image is built and pushed again when it is missing."
  `);
});
