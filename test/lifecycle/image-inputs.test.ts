/** What decides about an Image: the hash and who computes it, bases that move, inputs that are not known yet; and how a preview says it. */
import { expect, test } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import { currentScheme, schemeOf } from "../../provider/model/input-hash.ts";
import { formatPath, Secret, unknown, type ValueMap } from "../../provider/spec/value.ts";
import type { Run } from "./harness.ts";
import { baseOne, baseTwo, debian, openWorld, program, told, unreachable } from "./image-world.ts";

const front = "FROM quay.io/os/debian:13\nRUN apt-get install nginx\nCOPY www /srv/www\n";

function refused(run: Run): string[] {
  return run.checkFailures.map(({ path, reason }) => (path.length === 0 ? reason : `${formatPath(path)}: ${reason}`));
}

test.each<[string, { readonly files: Readonly<Record<string, string>>; readonly more: ValueMap }, string]>([
  [
    "an instruction that changed",
    { files: { Containerfile: front.replace("nginx", "caddy") }, more: {} },
    "Containerfile line 2 (RUN) changed: will be built",
  ],
  ["one that came", { files: { Containerfile: `${front}USER 1\n` }, more: {} }, "Containerfile line 4 (USER) added: will be built"],
  [
    "one that went",
    { files: { Containerfile: front.replace(/RUN.*\n/, "") }, more: {} },
    "Containerfile's former line 2 (RUN) removed: will be built",
  ],
  ["comments", { files: { Containerfile: `# Kiosk\n${front}` }, more: {} }, "comments in Containerfile changed: will be built"],
  ["a file that came", { files: { "www/app.js": "" }, more: {} }, "www/app.js added: will be built"],
  ["many", { files: { a: "", b: "", c: "", d: "" }, more: {} }, "a, b, c and 1 more added: will be built"],
  ["an argument", { files: {}, more: { buildArgs: { MOOD: "calm" } } }, "buildArgs MOOD changed: will be built"],
  ["labels", { files: {}, more: { labels: { a: "", b: "", c: "", d: "" } } }, "labels a, b, c and 1 more changed: will be built"],
  ["platforms", { files: {}, more: { platforms: ["linux/arm64"] } }, "platforms changed: will be built"],
  [
    "two things at once",
    { files: { "www/index.html": "2" }, more: { target: "0" } },
    "www/index.html changed; target changed: will be built",
  ],
  ["a hash set by hand", { files: {}, more: { inputHash: "mine" } }, "inputHash changed: will be built"],
])("preview says what changed: %s", async (_what, { files, more }, expected) => {
  const { web, contexts } = await openWorld();
  await web.up(program());
  contexts.write("./os", files);
  expect((await web.preview(program(more))).infos).toEqual([expected]);
});

test("a base whose tag moved: notify says so, ignore does not, rebuild follows it", async () => {
  const world = await openWorld();
  const { web, effects, builders } = world;
  await web.up(program());
  await world.moveBase(baseTwo);
  world.restart();
  const notified = await world.web.preview(program());
  expect(notified.changes).toEqual([]);
  expect(notified.warnings).toEqual([`base ${debian} has moved since it was locked; set baseUpdates to "rebuild" to follow it`]);
  const ignored = await world.web.up(program({ baseUpdates: "ignore" }));
  expect([ignored.changes, ignored.warnings]).toEqual([[], []]);
  const wanted = program({ baseUpdates: "rebuild" });
  const planned = await world.web.preview(wanted);
  expect(planned.changes).toEqual(["inputHash", 'bases["quay.io/os/debian:13"]']);
  expect(planned.infos).toEqual([
    `base ${debian} moved from ${baseOne.digest.slice(7, 19)} to ${baseTwo.digest.slice(7, 19)}: will be built`,
  ]);
  effects.take();
  expect(told(await world.web.up(wanted))).toBe("");
  expect(builders.requests.at(-1)?.containerfileText).toContain(`FROM quay.io/os/debian@${baseTwo.digest}\n`);
  expect((await world.web.up(wanted)).changes).toEqual([]);
});

test("an unreachable registry keeps a lock that holds, and is waited for once; a new base needs it", async () => {
  const world = await openWorld();
  await world.web.up(program());
  world.restart();
  const { images, contexts } = world;
  images.trouble.resolve = unreachable;
  images.asked.length = 0;
  const planned = await world.web.preview(program());
  expect([planned.changes, planned.warnings]).toEqual([[], []]);
  const following = await world.web.preview(program({ baseUpdates: "rebuild" }));
  expect([following.changes, following.warnings]).toEqual([[], [`base ${debian} stays where it was locked: ${unreachable.message}`]]);
  expect(images.asked).toEqual([`resolve ${debian}`]);
  contexts.write("./os", { Containerfile: "FROM quay.io/os/alpine:3\n" });
  const thrown = await world.web.preview(program()).catch((error: unknown) => error);
  expect(describeFailure(thrown as Failure)).toBe(`${unreachable.message} The Containerfile builds on it.\nfix: ${unreachable.fix}`);
});

test("a build whose tag cannot be looked up is planned, with the reason", async () => {
  const { web, contexts, images } = await openWorld();
  await web.up(program());
  contexts.write("./os", { "www/index.html": "two" });
  images.trouble.resolve = unreachable;
  const planned = await web.preview(program());
  expect(planned.infos).toMatchInlineSnapshot(`
    [
      "www/index.html changed: will be built unless it is found under in-00610cd9… by then (Could not look up image quay.io/os/debian:13: nothing answers at quay.io (connection refused), in 4 attempts.)",
    ]
  `);
  expect(planned.outputs).toMatchObject({ ref: unknown, digest: unknown });
});

test("a base that is not there, or could be any, is refused", async () => {
  const { web, contexts } = await openWorld();
  contexts.write("./os", { Containerfile: "FROM quay.io/os/none:1\n" });
  expect(refused(await web.preview(program()))).toMatchInlineSnapshot(`
    [
      "The base image "quay.io/os/none:1" does not exist: its registry answered that it has no such tag.
    fix: correct the FROM line, or push the base image first.",
    ]
  `);
  contexts.write("./os", { Containerfile: "FROM debian\n" });
  expect(refused(await web.preview(program()))).toMatchInlineSnapshot(`
    [
      "The base image "debian" names no registry, so it could mean another image on another machine.
    fix: write it in full, as registry/repository:tag.",
    ]
  `);
});

test("ignoring the hash ignores every change of what is built, and nothing else", async () => {
  const { web, contexts, effects } = await openWorld();
  await web.up(program());
  web.ignoreChanges = ["inputHash"];
  contexts.write("./os", { "www/index.html": "two", "www/new.html": "" });
  effects.take();
  const ignored = await web.up(program({ labels: { a: "b" } }));
  expect([ignored.changes, effects.take()]).toEqual([[], []]);
  const tagged = await web.up(program({ tags: ["a"] }));
  expect([tagged.changes, effects.take()]).toEqual([["tags[0]"], ["tag registry.example.com/team/os:a"]]);
});

test("what a user sets counts as it is", async () => {
  const { web, contexts, effects, builders } = await openWorld();
  const own = { inputHash: "release 7", sources: { mine: "a" } };
  const made = await web.up(program(own));
  expect(made.outputs["inputTag"]).toMatch(/^in-[0-9a-f]{32}$/);
  contexts.write("./os", { "www/index.html": "two" });
  effects.take();
  expect([(await web.up(program(own))).changes, effects.take()]).toEqual([[], []]);
  const sources = { mine: "b" };
  expect((await web.up(program({ ...own, sources }))).changes).toEqual([]);
  expect((await web.preview(program({ sources }))).changes).toEqual(["inputHash"]);

  await web.up(program({ bases: { [debian]: baseTwo.digest } }));
  expect(builders.requests.at(-1)?.containerfileText).toContain(`FROM quay.io/os/debian@${baseTwo.digest}\n`);
  expect(refused(await web.preview(program({ bases: {} })))).toMatchInlineSnapshot(`
    [
      "bases: has no digest for "quay.io/os/debian:13"; add one, or leave bases out to have all of them locked",
    ]
  `);
  expect(refused(await web.preview(program({ bases: { [debian]: "13" } })))).toMatchInlineSnapshot(`
    [
      "bases["quay.io/os/debian:13"]: "13" is no digest; write sha256: and 64 hexadecimal digits",
    ]
  `);
});

test("the hash's scheme is that of the old inputs", async () => {
  const { web } = await openWorld();
  await web.up(program());
  expect(schemeOf(web.stored?.inputs["inputHash"] as string)).toBe(currentScheme);
  const { stored } = web;
  if (stored === undefined) throw new Error("nothing was stored");
  web.stored = { ...stored, inputs: { ...stored.inputs, inputHash: `9:${"0".repeat(64)}` } };
  expect(refused(await web.preview(program()))).toMatchInlineSnapshot(`
    [
      "The stack's inputHash was computed by scheme 9, and this version of the bootable provider knows scheme 1 only.
    fix: use the version of the provider that last updated this stack, or a newer one.",
    ]
  `);
});

test.each(["context", "containerfile", "buildArgs", "target", "platforms", "labels", "secrets"])(
  "while %s is not known, what is computed from it is unknown and never absent",
  async (name) => {
    const { web } = await openWorld();
    await web.up(program());
    const planned = await web.preview(program({ [name]: unknown }));
    expect(planned.checkFailures).toEqual([]);
    expect(planned.changes).toContain("inputHash");
    expect(planned.outputs).toMatchObject({
      ref: unknown,
      digest: unknown,
      platformDigests: unknown,
      sizeBytes: unknown,
      inputTag: unknown,
    });
  },
);

test("a secret that is not known yet counts by its name", async () => {
  const { web } = await openWorld();
  await web.up(program({ secrets: { token: "one" } }));
  expect((await web.preview(program({ secrets: { token: new Secret(unknown) } }))).changes).toEqual([]);
});

test("an unknown repository leaves the place unknown, and the hash known", async () => {
  const { web } = await openWorld();
  const planned = await web.preview(program({ repository: unknown }));
  expect([planned.infos, planned.checkFailures]).toEqual([[], []]);
  expect(planned.outputs).toMatchObject({ ref: unknown, digest: unknown });
});

test("remarks about the context are made when there is something to build, and only then", async () => {
  const { web, contexts } = await openWorld();
  contexts.remarks = ["sock is no file, folder or link, so it does not count"];
  expect((await web.preview(program())).warnings).toEqual(contexts.remarks);
  await web.up(program());
  expect((await web.preview(program())).warnings).toEqual([]);
});

test("a repository or a tag that is none is refused with what is accepted", async () => {
  const { web } = await openWorld();
  const repositories = ["registry.example.com/team/os:1", "os", "local/os"];
  const runs = [];
  for (const repository of repositories) runs.push(...refused(await web.preview(program({ repository, tags: ["in-1", "a b"] }))));
  expect([...new Set(runs)]).toMatchInlineSnapshot(`
    [
      "repository: "registry.example.com/team/os:1" names a tag or a digest; write registry/name alone, and tags in "tags"",
      "tags[0]: "in-1" starts with "in-", which is kept for the tags that images are found under",
      "tags[1]: "a b" is no tag; write letters, digits, dots, dashes and underscores, 128 at most",
      "repository: "os" is no repository; write registry/name, such as registry.example.com/team/os",
      "repository: "local/os" is in the local store; leave out "repository" for that",
    ]
  `);
});
