/** The list of what belongs to an image, which clients keep where the registry does not: others write it too. */
import { expect, test } from "vitest";
import { answer } from "../fakes/hostile-registry.ts";
import { messageOf } from "../registry/scratch.ts";
import { bytes } from "./hostile-bytes.ts";
import { held, openWorld, type World } from "./hostile-disks.ts";
import { identityOf } from "./sharing-home.ts";

const zero = `sha256:${"0".repeat(64)}`;
/** Where clients list what belongs to the image. */
const list = `team/os sha256-${held.digest.slice(7)}`;
const listPath = `/v2/team/os/manifests/sha256-${held.digest.slice(7)}`;

test("a registry with the referrers API keeps the list itself", async () => {
  const all = await openWorld();
  all.registry.misbehave((request, response) => {
    if (request.method === "PUT" && request.url?.includes("/manifests/sha256:") === true) response.setHeader("oci-subject", held.digest);
  });
  await (await all.home()).share({ image: all.image, bytes });
  expect([...all.registry.manifests.keys()].filter((key) => key.includes("sha256-"))).toEqual([]);
});

const theirs = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: zero, size: 2 };

function setTheirs({ registry }: World): void {
  const content = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [theirs] };
  registry.manifests.set(list, { bytes: Buffer.from(JSON.stringify(content)), mediaType: content.mediaType });
}

function listed({ registry }: World): readonly string[] {
  const index = JSON.parse(String(registry.manifests.get(list)?.bytes)) as { manifests: { digest: string }[] };
  return index.manifests.map(({ digest }) => digest);
}

test("a list that somebody else writes over ours gets our entry again, beside theirs", async () => {
  const all = await openWorld();
  let races = 2;
  all.registry.misbehave(({ method, url }, response) => {
    if (method !== "PUT" || url !== listPath || races === 0) return;
    races -= 1;
    response.once("finish", () => setTheirs(all));
  });
  const made = await (await all.home()).share({ image: all.image, bytes });
  expect([races, listed(all)]).toEqual([0, [zero, made.artifact?.reference.digest]]);
});

test("a registry that knows If-Match takes no list that is based on an older one", async () => {
  const all = await openWorld();
  setTheirs(all);
  const conditions: unknown[] = [];
  all.registry.misbehave(({ method, url, headers }, response) => {
    if (url !== listPath) return false;
    if (method === "GET") response.setHeader("etag", `"version ${conditions.length}"`);
    if (method === "PUT") conditions.push(headers["if-match"]);
    return method === "PUT" && conditions.length === 1 && answer(response, 412);
  });
  const made = await (await all.home()).share({ image: all.image, bytes });
  expect(conditions).toEqual([`"version 0"`, `"version 1"`]);
  expect(listed(all)).toEqual([zero, made.artifact?.reference.digest]);
});

test("a tag that is no list of referrers is left as it is", async () => {
  const all = await openWorld();
  all.registry.manifests.set(list, { bytes: Buffer.from("{}"), mediaType: "application/vnd.oci.image.index.v1+json" });
  const replace = {
    [all.registry.host]: "registry.example.com",
    [identityOf(all.image).slice(0, 32)]: "0123",
    [held.digest.slice(7)]: "9f2c",
  };
  expect(await messageOf((await all.home()).share({ image: all.image, bytes }), replace)).toMatchInlineSnapshot(`
    "Could not publish the disk registry.example.com/team/os:disk-0123: the tag sha256-9f2c is there to list what belongs to the image, and what it names is no such list; it was left as it is.
    fix: look what put that tag there, and delete it in the registry."
  `);
  expect(String(all.registry.manifests.get(list)?.bytes)).toBe("{}");
});

test("a list that is never left alone ends the work after a while, and the disk is not said to be published", async () => {
  const all = await openWorld();
  all.registry.misbehave(({ method, url }, response) => {
    if (method === "PUT" && url === listPath) response.once("finish", () => setTheirs(all));
  });
  const replace = {
    [all.registry.host]: "registry.example.com",
    [identityOf(all.image).slice(0, 32)]: "0123",
    [held.digest.slice(7)]: "9f2c",
  };
  expect(await messageOf((await all.home()).share({ image: all.image, bytes }), replace)).toMatchInlineSnapshot(`
    "Could not publish the disk registry.example.com/team/os:disk-0123: others wrote over the list under the tag sha256-9f2c each of the 8 times that it was written.
    fix: run pulumi up again."
  `);
  expect([...all.registry.manifests.keys()].filter((key) => key.includes("disk-"))).toEqual([]);
});
