/** Disks in a registry that is in trouble, is written by others too, or sees a computer die: the next run goes on. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { checkShared } from "../../provider/disks/published-disk.ts";
import { answer, refuse } from "../fakes/hostile-registry.ts";
import { makeImage } from "../fakes/oci-layout.ts";
import { messageOf } from "../registry/scratch.ts";
import { bytes, other } from "./hostile-bytes.ts";
import { configOf, held, openWorld, type World } from "./hostile-disks.ts";
import { plainOptions } from "./layered-image.ts";
import { scratchFolder } from "./scratch.ts";
import { identityOf, openHome } from "./sharing-home.ts";

test("a registry in trouble is told of; nothing is made behind its back", async () => {
  const all = await openWorld();
  const home = await all.home();
  const { artifact } = await home.share({ image: all.image, bytes });
  const isPiece = (path = ""): boolean => path.includes("/blobs/") && !path.endsWith(configOf(all));
  all.registry.misbehave((request, response) => isPiece(request.url) && answer(response, 503));
  const replace = { [all.registry.host]: "registry.example.com", [artifact?.reference.digest ?? ""]: "sha256:9f2c" };
  const next = await all.home();
  expect(await messageOf(next.share({ image: all.image, bytes }), replace)).toMatchInlineSnapshot(`
    "Could not fetch the published disk registry.example.com/team/os@sha256:9f2c: the registry answered 503, in 2 attempts.
    fix: look at the logs of registry.example.com, or wait until it is well again."
  `);
  expect([next.told, await readdir(next.cacheDirectory)]).toEqual([[], []]);
});

test("who may not push is told so, and the disk stays in the cache", async () => {
  const all = await openWorld();
  all.registry.misbehave((request, response) => request.method === "POST" && answer(response, 403));
  const home = await all.home();
  const replace = { [all.registry.host]: "registry.example.com", [identityOf(all.image).slice(0, 32)]: "0123" };
  expect(await messageOf(home.share({ image: all.image, bytes }), replace)).toMatchInlineSnapshot(`
    "Could not publish the disk registry.example.com/team/os:disk-0123: the registry answered 403 (no login was used).
    fix: log in with "podman login registry.example.com"."
  `);
  all.registry.misbehave(() => false);
  expect((await home.share({ image: all.image, bytes: other })).artifact?.pushedHere).toBe(true);
  expect(home.told).toEqual(["made"]);
});

test("pieces that are there are not sent, and pieces that are here are not fetched: the next image's disk costs what changed", async () => {
  const all = await openWorld();
  const [maker, reader] = [await all.home(), await all.home()];
  await maker.share({ image: all.image, bytes });
  await reader.share({ image: all.image, bytes });
  const next = makeImage({ labels: { version: "2" } });
  all.registry.hold("team/os", next);
  const image = { ...all.image, digest: next.digest };
  const traffic = (): string[] =>
    all.registry.seen.filter(({ method, path }) => path.includes("/blobs/") && ["PUT", "GET"].includes(method)).map(({ method }) => method);
  all.registry.misbehave(() => false);
  await maker.share({ image, bytes: other });
  // One piece and the configuration.
  expect(traffic()).toEqual(["PUT", "PUT"]);
  all.registry.misbehave(() => false);
  await reader.share({ image, bytes });
  expect(traffic()).toEqual(["GET", "GET"]);
  all.registry.misbehave(() => false);
  await maker.share({ image, bytes });
  // One HEAD for the tag, the manifest, and the configuration from the store.
  expect(all.registry.seen.map(({ method, path }) => `${method} ${path.replace(/[0-9a-f]{32,}$/, "...")}`)).toMatchInlineSnapshot(`
    [
      "HEAD /v2/team/os/manifests/disk-...",
      "GET /v2/team/os/manifests/sha256:...",
      "GET /v2/team/os/blobs/sha256:...",
    ]
  `);
});

test("an image that is gone, and a disk that cannot be read back", async () => {
  const all = await openWorld();
  const replace = {
    [all.registry.host]: "registry.example.com",
    [identityOf(all.image).slice(0, 32)]: "0123",
    [held.digest.slice(7)]: "9f2c",
  };
  const home = await all.home();
  all.registry.misbehave(({ method, url }, response) => {
    return method === "HEAD" && url?.includes("/manifests/sha256:") === true && refuse(response, 404, ["MANIFEST_UNKNOWN"]);
  });
  expect(await messageOf(home.share({ image: all.image, bytes }), replace)).toMatchInlineSnapshot(`
    "Could not publish the disk registry.example.com/team/os:disk-0123: the push went through, but the disk cannot be read back.
    fix: run pulumi up again; if it stays so, look at the registry's logs."
  `);
  all.registry.misbehave(() => false);
  all.registry.manifests.clear();
  expect(await messageOf(home.share({ image: all.image, bytes }), replace)).toMatchInlineSnapshot(`
    "Could not publish the disk registry.example.com/team/os:disk-0123: its image sha256:9f2c is not in registry.example.com/team/os any more.
    fix: run pulumi refresh, then pulumi up, which builds or pushes the image again."
  `);
});

/** Kills the process once a request of the kind has come after the first one, and `isReady`; that request is never answered. */
async function dieAtSecond(all: World, folder: string, moment: { isIt(method: string, path: string): boolean; isReady(): boolean }) {
  const sharer = new URL("disk-sharer.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [sharer, folder, all.configHome, all.registry.host, held.digest], { stdio: "inherit" });
  const ended = once(child, "exit");
  let seen = 0;
  all.registry.misbehave(({ method = "", url = "" }) => {
    if (moment.isIt(method, url)) seen += 1;
    return seen >= 2 && moment.isIt(method, url);
  });
  await vi.waitUntil(() => seen >= 2 && moment.isReady(), { timeout: 60_000 });
  child.kill("SIGKILL");
  expect(await ended).toEqual([null, "SIGKILL"]);
  all.registry.misbehave(() => false);
}

function blobs({ registry }: World, wanted: string): number {
  return registry.seen.filter(({ method, path }) => method === wanted && path.includes("/blobs/")).length;
}

test("a computer that dies while it publishes: the next run sends the rest", async () => {
  const all = await openWorld();
  const folder = await scratchFolder();
  const before = all.registry.blobs.size;
  await dieAtSecond(all, folder, { isIt: (method) => method === "PUT", isReady: () => all.registry.blobs.size > before });
  const home = openHome(folder, all.configHome);
  const made = await home.share({ image: all.image, bytes });
  expect([home.told, made.artifact?.pushedHere]).toEqual([[], true]);
  // The other piece and the configuration.
  expect(blobs(all, "PUT")).toBe(2);
});

test("a computer that dies while it fetches: nothing half is there, and the next run gets the rest", async () => {
  const all = await openWorld();
  const made = await (await all.home()).share({ image: all.image, bytes });
  const folder = await scratchFolder();
  const stored = join(folder, "store", "blobs", "sha256");
  const disks = join(folder, "disks");
  // The configuration and one piece.
  const isReady = (): boolean => existsSync(stored) && readdirSync(stored).filter((name) => /^[0-9a-f]{64}$/.test(name)).length === 2;
  const isIt = (method: string, path: string): boolean => method === "GET" && path.includes("/blobs/") && !path.endsWith(configOf(all));
  await dieAtSecond(all, folder, { isIt, isReady });
  expect(readdirSync(disks).filter((name) => name.endsWith(".raw") || name.endsWith(".json"))).toEqual([]);
  const home = openHome(folder, all.configHome);
  expect((await home.share({ image: all.image, bytes: other })).digest).toBe(made.digest);
  expect([home.told, blobs(all, "GET")]).toEqual([[], 1]);
  expect(readdirSync(disks).toSorted()).toEqual([`${made.identity}.json`, `${made.identity}.raw`]);
});

test("beside an image of the local store nothing can be published", async () => {
  const image = { registry: "local", repository: "os", digest: `sha256:${"9".repeat(64)}` } as const;
  const request = { image, options: plainOptions, signal: new AbortController().signal, onProgress: () => undefined };
  expect(await messageOf(Promise.resolve().then(() => checkShared(request)))).toMatchInlineSnapshot(`
    "publish is true, but image local/os@sha256:9999999999999999999999999999999999999999999999999999999999999999 is in the local store of this computer, beside which nothing can be published.
    fix: set repository on the Image, so that it is pushed to a registry, or leave publish out."
  `);
});
