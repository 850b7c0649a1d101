/** An Image through its life: built once, found ever after, tagged, moved, imported, read, deleted, and a death after every effect. */
import { expect, test } from "vitest";
import { describeFailure, Failure } from "../../provider/failure.ts";
import { parseImageReference } from "../../provider/model/image-reference.ts";
import { Secret, unknown, type ValueMap } from "../../provider/spec/value.ts";
import { forEveryCrash } from "./harness.ts";
import { baseOne, debian, openWorld, program, team, told, unauthorized } from "./image-world.ts";

test("what arrived as a secret is named to the builder as a text that nobody may read", async () => {
  const { web, builders } = await openWorld();
  const buildArgs = { MOOD: new Secret("hush"), OTHER: "open" };
  await web.up(program({ buildArgs, secrets: { token: "one" } }));
  expect(builders.requests).toMatchObject([{ buildArgs: { MOOD: "hush", OTHER: "open" }, redact: ["hush", "one"] }]);
});

test("is built and pushed, changes nothing the second time, is built again when a file changed, and is kept when deleted", async () => {
  const world = await openWorld();
  const { web, effects, contexts, builders, images } = world;
  const planned = await web.preview(program({ tags: ["stable"] }));
  expect(planned.infos).toEqual(["will be built"]);
  expect(planned.outputs).toMatchObject({ ref: unknown, digest: unknown, tags: ["stable"] });
  expect(effects.take()).toEqual([]);

  const made = await web.up(program({ tags: ["stable"] }));
  expect(told(made)).toBe("");
  expect(made.outputs["ref"]).toBe(`registry.example.com/team/os@${made.outputs["digest"] as string}`);
  expect(made.outputs).toMatchObject({ tags: ["stable"], createdAt: "2026-01-02T03:04:05.000Z", inputTag: planned.outputs["inputTag"] });
  expect(builders.requests[0]?.containerfileText).toContain(`FROM quay.io/os/debian@${baseOne.digest}\n`);
  const repository = "registry.example.com/team/os";
  expect(effects.take()).toEqual(["build", `push ${repository}`, `tag ${repository}:in-`, `tag ${repository}:stable`]);

  const again = await web.up(program({ tags: ["stable"] }));
  expect([again.changes, again.infos, again.warnings, effects.take()]).toEqual([[], [], [], []]);

  contexts.write("./os", { "www/index.html": "two" });
  const next = await web.preview(program({ tags: ["stable"] }));
  expect(next.changes).toEqual(["inputHash", 'sources["www/index.html"]']);
  expect(next.infos).toEqual(["www/index.html changed: will be built"]);
  expect(effects.take()).toEqual([]);
  const rebuilt = await web.up(program({ tags: ["stable"] }));
  expect(rebuilt.outputs["digest"]).not.toBe(made.outputs["digest"]);
  expect(images.summary().filter((line) => line.includes(":stable "))).toEqual([
    `${repository}:stable ${(rebuilt.outputs["digest"] as string).slice(7, 15)}`,
  ]);

  effects.take();
  await web.destroy();
  expect([effects.take(), await world.leftovers()]).toEqual([[], []]);
});

test("where the context lies, how it is built and secrets' values do not count; a secret's name does", async () => {
  const { web, contexts } = await openWorld();
  await web.up(program({ secrets: { token: "one" } }));
  contexts.folders.set("/elsewhere", contexts.folders.get("./os") ?? new Map());
  const same = program({ context: "/elsewhere", builder: "buildah", baseUpdates: "ignore", secrets: new Secret({ token: "two" }) });
  expect((await web.up(same)).changes).toEqual([]);
  const named = await web.preview(program({ secrets: { token: "one", key: new Secret("three") } }));
  expect([named.changes, named.infos]).toEqual([["inputHash"], ["secrets key changed: will be built"]]);
  expect(JSON.stringify(web.stored?.state)).not.toContain("one");
});

test("what a colleague or another job has built is found: preview knows the digest, update builds nothing", async () => {
  const world = await openWorld();
  const { web, contexts, effects } = world;
  await web.up(program());
  contexts.write("./os", { "www/index.html": "two" });
  const theirs = await world.other("web").up(program());
  effects.take();
  const planned = await web.preview(program());
  expect(planned.infos).toMatchInlineSnapshot(`
    [
      "www/index.html changed: found as eea7602995f0 under in-00610cd9…, nothing to build",
    ]
  `);
  expect(planned.outputs).toEqual(theirs.outputs);
  expect((await web.up(program())).outputs).toEqual(theirs.outputs);
  expect(effects.take()).toEqual([]);
});

test("when only tags change nothing is built, and everything stays known, even while the registry is silent", async () => {
  const { web, effects, images } = await openWorld();
  const made = await web.up(program({ tags: ["a"] }));
  effects.take();
  const planned = await web.preview(program({ tags: ["a", "b"] }));
  expect([planned.changes, planned.infos]).toMatchInlineSnapshot(`
    [
      [
        "tags[1]",
      ],
      [
        "stays 3afd88b118fc, tag b will point at it",
      ],
    ]
  `);
  expect(planned.outputs).toEqual({ ...made.outputs, tags: ["a", "b"] });
  images.trouble.resolve = unauthorized;
  const silent = await web.preview(program({ tags: ["a", "b"] }));
  expect([silent.infos, silent.outputs]).toEqual([planned.infos, planned.outputs]);
  delete images.trouble.resolve;
  await web.up(program({ tags: ["a", "b"] }));
  expect(effects.take()).toEqual(["tag registry.example.com/team/os:a", "tag registry.example.com/team/os:b"]);
});

test("an image whose in- tag was cleaned away is tagged again, not built again", async () => {
  const { web, effects, images } = await openWorld();
  const made = await web.up(program());
  images.repositories.get("registry.example.com/team/os")?.tags.clear();
  effects.take();
  expect((await web.preview(program({ tags: ["a"] }))).outputs).toEqual({ ...made.outputs, tags: ["a"] });
  await web.up(program({ tags: ["a"] }));
  expect(effects.take()).toEqual(["tag registry.example.com/team/os:in-", "tag registry.example.com/team/os:a"]);
});

test("pushed but not tagged: state has the image, and even after a refresh the next run moves the tags", async () => {
  const { web, effects, images } = await openWorld();
  const message = "Could not tag image registry.example.com/team/os@sha256:9f2c…: the registry answered 403.";
  images.trouble.tag = new Failure({ kind: "remote", code: "forbidden", message, fix: "give this login the right to do so." });
  const failed = await web.up(program({ tags: ["stable", "v1"] }));
  expect(told(failed)).toMatchInlineSnapshot(`
    "Could not tag image registry.example.com/team/os@sha256:9f2c…: the registry answered 403. The image itself is in place (registry.example.com/team/os@sha256:3afd88b118fc…); its tags (stable, v1) are moved by the next run.
    fix: give this login the right to do so."
  `);
  expect(failed.outputs).toMatchObject({ tags: [], ref: expect.stringMatching(/^registry.example.com/) as string });
  await web.refresh();
  delete images.trouble.tag;
  const planned = await web.preview(program({ tags: ["stable", "v1"] }));
  expect([planned.changes, planned.infos]).toMatchInlineSnapshot(`
    [
      [
        "tags",
      ],
      [
        "stays 3afd88b118fc, tags stable, v1 will point at it",
      ],
    ]
  `);
  effects.take();
  await web.up(program({ tags: ["stable", "v1"] }));
  expect(effects.take()).toEqual(["tag registry.example.com/team/os:stable", "tag registry.example.com/team/os:v1"]);
  expect((await web.up(program({ tags: ["stable", "v1"] }))).changes).toEqual([]);
});

test("another repository gets the image; without one it lives in the local store, under the name that it had first", async () => {
  const { web, effects } = await openWorld();
  const local = await web.up({ context: "./os" });
  expect(local.outputs["ref"]).toMatch(/^local\/web@sha256:/);
  web.name = "renamed";
  const tagged = await web.up({ context: "./os", tags: ["a"] });
  expect(tagged.outputs["ref"]).toBe(local.outputs["ref"]);
  effects.take();
  const planned = await web.preview(program({ tags: ["a"] }));
  expect([planned.changes, planned.infos]).toEqual([["repository"], ["repository changed: will be built"]]);
  const moved = await web.up(program({ tags: ["a"] }));
  expect(moved.outputs["digest"]).toBe(local.outputs["digest"]);
  expect(moved.outputs["ref"]).toMatch(/^registry.example.com\/team\/os@sha256:/);
});

test("several platforms make an index", async () => {
  const { web } = await openWorld();
  const made = await web.up(program({ platforms: ["linux/amd64", "linux/arm64"] }));
  expect(Object.keys(made.outputs["platformDigests"] as ValueMap)).toEqual(["linux/amd64", "linux/arm64"]);
  expect((await web.up(program({ platforms: ["linux/arm64", "linux/amd64"] }))).changes).toEqual([]);
});

test.each([
  ["between plan and build", false],
  ["while it is built", true],
])("a context that moves %s is not pushed under the planned hash", async (_when, during) => {
  const { web, contexts, builders, images } = await openWorld();
  const write = (): void => contexts.write("./os", { "www/index.html": "two" });
  if (during) builders.meanwhile = write;
  else images.onAsked = write;
  const failed = await web.up(program());
  expect(told(failed)).toBe(
    "The build context changed after it was planned (www/index.html). Nothing was pushed, and state was kept.\n" +
      "fix: run pulumi up again when nothing writes to the context.",
  );
  expect(images.repositories.get("registry.example.com/team/os")).toBeUndefined();
  expect(web.stored).toBeUndefined();
});

test("imported by its in- tag it is adopted: no diff, nothing to build", async () => {
  const world = await openWorld();
  const { effects } = world;
  const theirs = await world.other("web").up(program());
  effects.take();
  const { web } = world;
  const imported = await web.import(`registry.example.com/team/os:${theirs.outputs["inputTag"] as string}`);
  expect(imported.outputs).toEqual({ ...theirs.outputs, instructions: [] });
  expect((await web.up(program())).changes).toEqual([]);
  expect((await web.up(program({ tags: ["a"] }))).changes).toEqual(["tags[0]"]);
  expect(effects.take()).toEqual(["tag registry.example.com/team/os:a"]);
});

test("imported by digest or another tag it is whatever its inputs make of it", async () => {
  const world = await openWorld();
  const theirs = await world.other("web").up(program({ tags: ["v1"] }));
  const { web, contexts, effects } = world;
  await web.import("registry.example.com/team/os:v1");
  expect(web.stored?.state).toMatchObject({ tags: ["v1"], digest: theirs.outputs["digest"] });
  await web.import(theirs.outputs["ref"] as string);
  effects.take();
  const found = await web.preview(program());
  expect(found.infos).toMatchInlineSnapshot(`
    [
      "imported, so what it was built from is not known: stays 3afd88b118fc",
    ]
  `);
  contexts.write("./os", { "www/index.html": "two" });
  expect((await web.preview(program())).infos).toEqual(["imported, so what it was built from is not known: will be built"]);
  await web.import("registry.example.com/team/os:v2");
  expect(web.stored).toBeUndefined();
  const thrown = await web.import("os").catch((error: unknown) => error);
  expect(describeFailure(thrown as Failure)).toMatchInlineSnapshot(`
    ""os" is no image to import.
    fix: give it as registry/repository:tag or registry/repository@sha256:digest."
  `);
});

test("only a definite not found drops the state; whoever cannot tell warns and keeps it", async () => {
  const { web, images } = await openWorld();
  const made = await web.up(program());
  const { stored } = web;
  images.trouble.describe = unauthorized;
  const unsure = await web.refresh();
  expect(unsure.warnings).toEqual([
    "Could not tell whether image registry.example.com/team/os@sha256:9f2c… still exists: the registry answered 401. Its state was kept. " +
      'fix: log in with "podman login registry.example.com" and run pulumi refresh again.',
  ]);
  expect(web.stored).toEqual(stored);
  delete images.trouble.describe;
  expect((await web.refresh()).warnings).toEqual([]);
  expect(web.stored).toEqual(stored);
  const reference = parseImageReference(made.outputs["ref"] as string);
  images.repositories.get("registry.example.com/team/os")?.digests.delete(reference?.digest ?? "sha256:");
  await web.refresh();
  expect(web.stored).toBeUndefined();
});

test("onDelete delete removes the image, and is content when it is gone", async () => {
  const world = await openWorld();
  const { images, effects } = world;
  await world.web.up(program({ onDelete: "delete" }));
  effects.take();
  world.restart();
  await world.web.destroy();
  expect(effects.take()).toEqual(["remove registry.example.com/team/os"]);
  expect(images.summary()).toEqual([`${debian} ${baseOne.digest.slice(7, 15)}`]);
  await world.web.up(program({ onDelete: "delete" }));
  images.repositories.delete("registry.example.com/team/os");
  world.restart();
  await world.web.destroy();
  expect(world.web.stored).toBeUndefined();
});

test("a build that stops leaves the state, and no folder", async () => {
  const world = await openWorld();
  const { web, builders, contexts } = world;
  await web.up(program());
  const { stored } = web;
  contexts.write("./os", { "www/index.html": "two" });
  builders.failure = new Failure({ kind: "tool", code: "exit", message: 'The build of Containerfile stopped at "RUN false".' });
  expect(told(await web.up(program()))).toBe('The build of Containerfile stopped at "RUN false".');
  expect([web.stored, await world.leftovers()]).toEqual([stored, []]);
});

test.each([
  ["the first build", false],
  ["a change", true],
])("a death after any effect of %s: the next run goes on, builds at most once more, and nothing is orphaned", async (_what, isUpdate) => {
  const crashes = await forEveryCrash(async (effectsBeforeCrash) => {
    const world = await openWorld();
    const { contexts, effects, images } = world;
    const wanted = program({ tags: ["stable", "v1"], onDelete: "delete" });
    if (isUpdate) {
      await world.web.up(program({ onDelete: "delete" }));
      contexts.write("./os", { "www/index.html": "two" });
    }
    effects.take();
    effects.crashAfter(effectsBeforeCrash);
    const { crashed } = await world.web.up(wanted);
    effects.revive();
    world.restart();
    const pushed = effects.log.some((effect) => effect.startsWith("tag "));
    effects.take();
    const done = await world.web.up(wanted);
    expect(told(done)).toBe("");
    if (pushed) expect(effects.take().filter((effect) => effect === "build")).toEqual([]);
    const hex = (done.outputs["digest"] as string).slice(7, 15);
    const { tags } = images.repositories.get(`${team.registry}/${team.repository}`) ?? { tags: new Map<string, string>() };
    expect([tags.get("stable")?.slice(7, 15), tags.get("v1")?.slice(7, 15)]).toEqual([hex, hex]);
    expect((await world.web.up(wanted)).changes).toEqual([]);
    world.restart();
    await world.web.destroy();
    expect([...tags.values()].filter((digest) => digest.slice(7, 15) === hex)).toEqual([]);
    return { crashed };
  });
  expect(crashes).toBe(5);
});

test("the base's name is part of nothing but the lock", async () => {
  const { web } = await openWorld();
  const made = await web.up(program());
  expect(web.stored?.inputs["bases"]).toEqual({ [debian]: baseOne.digest });
  expect(JSON.stringify(made.outputs)).not.toContain("debian");
});
