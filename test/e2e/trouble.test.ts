/** Trouble with images, as the person who runs pulumi sees it: the whole message each time, and what is left afterwards. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { answer, refuse } from "../fakes/hostile-registry.ts";
import { containerfile, makeContext } from "../tools/build-fixture.ts";
import { isRunning, processesWith } from "../tools/process-waiting.ts";
import { openStage, program, resource, type Stage } from "./trouble-stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  await stage.close();
});

const up = ["up", "--yes", "--skip-preview"] as const;

function image(properties: object = {}): string {
  return program(resource("index:Image", "os", { context: "./os", ...properties }));
}

test("a context that cannot be built says where, before anything runs", async () => {
  stage.context("os", {});
  expect(await stage.told(image(), "preview")).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      error: bootable:index:Image resource 'os' has a problem: There is neither a Containerfile nor a Dockerfile in context "./os".
      fix: write one there, or set containerfile to its path, relative to the context."
  `);
  stage.context("os", { Containerfile: "FROM scratch\n\nRUNN make\n" });
  expect(await stage.told(image(), "preview")).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      error: bootable:index:Image resource 'os' has a problem: Containerfile line 3: unknown instruction "RUNN"; did you mean RUN?
      fix: correct line 3 of Containerfile."
  `);
  stage.context("os", { Containerfile: "FROM scratch\nCOPY www /srv/www\n" });
  expect(await stage.told(image(), "preview")).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      error: bootable:index:Image resource 'os' has a problem: Containerfile line 2: COPY www ...: nothing in context "./os" matches "www"
      fix: make it there, or correct the path, which starts at the root of the context."
  `);
});

test("a base that could be any, is not there, or whose registry does not answer", async () => {
  stage.context("os", { Containerfile: "FROM debian\n" });
  expect(await stage.told(image(), "preview")).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      error: bootable:index:Image resource 'os' has a problem: The base image "debian" names no registry, so it could mean another image on another machine.
      fix: write it in full, as registry/repository:tag."
  `);
  stage.context("os", { Containerfile: `FROM ${stage.registry.host}/team/base:13\n` });
  expect(await stage.told(image(), "preview")).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      error: bootable:index:Image resource 'os' has a problem: The base image "registry.example.com/team/base:13" does not exist: its registry answered that it has no such tag.
      fix: correct the FROM line, or push the base image first."
  `);
  stage.context("os", { Containerfile: `FROM ${stage.nobody}/team/base:13\n` });
  expect(await stage.told(image(), "preview")).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      error: Could not look up image nobody.example.com/team/base:13: nothing answers at nobody.example.com (connection refused), in 4 attempts. The Containerfile builds on it.
      fix: check that nobody.example.com is the registry's name and port and that it is up."
  `);
});

test("a build step that stops tells its exit code and its last lines", async () => {
  makeContext(join(stage.workspace.directory, "os"), {
    Containerfile: containerfile("RUN echo compiling; echo no rule to make os >&2; exit 3"),
  });
  expect(await stage.told(image({ builder: "buildah" }), ...up)).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      error: The build of Containerfile for linux/amd64 stopped at "RUN echo compiling; echo no rule to make os >&2; exit 3": buildah exited with code 3. Nothing was published; finished steps stay in buildah's cache.
      STEP 1/5: FROM scratch
      STEP 2/5: ARG SOURCE_DATE_EPOCH
      STEP 3/5: COPY busybox /bin/busybox
      STEP 4/5: COPY busybox /bin/sh
      STEP 5/5: RUN echo compiling; echo no rule to make os >&2; exit 3
      compiling
      no rule to make os
      subprocess exited with status 3
      subprocess exited with status 3
      Error: building at STEP "RUN echo compiling; echo no rule to make os >&2; exit 3": exit status 3
      fix: mend what the last lines name, then run pulumi up again."
  `);
  expect(readdirSync(join(stage.computer, "cache/bootable/work"))).toEqual([]);
});

test("without a builder it says what to install, and preview still works", async () => {
  stage.context("os", { Containerfile: "FROM scratch\nCOPY hello /\n", hello: "one" });
  const bare = await stage.in({ PATH: stage.pathOf() });
  bare.program(image());
  const planned = await bare.run("preview");
  expect(planned.exitCode, planned.output).toBe(0);
  expect(stage.plain(await bare.run(...up))).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      error: A builder is needed to build images, and none was found on PATH: neither podman nor buildah nor docker.
      fix: install podman, or set bootable:tools.podman to its path."
  `);
});

test("a registry that refuses, limits, or sends elsewhere", async () => {
  stage.context("os", { Containerfile: "FROM scratch\nCOPY hello /\n", hello: "one" });
  const pushed = image({ repository: `${stage.hostile.host}/team/os`, builder: "buildah" });
  stage.hostile.misbehave((_, response) => refuse(response, 401, ["UNAUTHORIZED", "authentication required"]));
  expect(await stage.told(pushed, ...up)).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      error: Could not look up image hostile.example.com/team/os:in-<hash>: the registry answered 401.
      fix: log in with "podman login hostile.example.com"."
  `);
  stage.hostile.misbehave((request, response) => request.method === "POST" && refuse(response, 403, ["DENIED", "read only"]));
  expect(await stage.told(pushed, ...up)).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      error: Could not push image hostile.example.com/team/os: the registry answered 403 (no login was used).
      It said: DENIED: read only
      fix: log in with "podman login hostile.example.com"."
  `);
  stage.hostile.misbehave((_, response) => answer(response, 429, { headers: { "retry-after": "3600" } }));
  expect(await stage.told(pushed, ...up)).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      error: Could not look up image hostile.example.com/team/os:in-<hash>: the registry answered 429 (too many requests) and asks to come back in 3600 s.
      fix: wait a while, or log in with "podman login hostile.example.com": known users are often allowed more."
  `);
  stage.hostile.misbehave(
    (request, response) =>
      request.method === "POST" && answer(response, 202, { headers: { location: "http://elsewhere.example.com/upload" } }),
  );
  expect(await stage.told(pushed, ...up)).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      error: Could not push image hostile.example.com/team/os: hostile.example.com sends us on to http://elsewhere.example.com, and what is sent to a registry stays there.
      fix: check the address that hostile.example.com is set up to give for itself; behind a proxy it often needs to be told its public name and https."
  `);
  expect(stage.workspace.state().resources.some(({ id }) => id === "os")).toBe(false);
});

test("a registry that lies about a digest is not believed", async () => {
  const pushed = image({ repository: `${stage.hostile.host}/team/os`, builder: "buildah" });
  stage.hostile.misbehave((request, response) => {
    const isRead = request.method === "GET" && request.url?.includes("/manifests/") === true;
    return isRead && answer(response, 200, { headers: { "content-type": "application/vnd.oci.image.manifest.v1+json" }, body: "{}" });
  });
  expect(await stage.told(pushed, ...up)).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      error: Could not push image hostile.example.com/team/os: asked for sha256:<digest>, hostile.example.com gave a manifest with sha256:<digest>; it was not used.
      fix: push the image again, and distrust what stores or carries it: memory, disks, proxies."
  `);
});

test("a slow registry costs a preview two seconds; what is kept in state stays", async () => {
  const pushed = image({ repository: `${stage.hostile.host}/team/os`, builder: "buildah" });
  stage.hostile.misbehave(() => false);
  await stage.good(pushed, ...up);
  stage.context("os", { Containerfile: "FROM scratch\nCOPY hello /\n", hello: "two" });
  stage.hostile.misbehave(() => true);
  expect(stage.plain(await stage.good(pushed, "preview"))).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      hello changed: will be built unless it is found under in-<hash>… by then (Could not look up image hostile.example.com/team/os:in-<hash>: the registry did not answer within 2 s.)"
  `);
  stage.hostile.misbehave((_, response) => refuse(response, 503, ["UNAVAILABLE", "storage is away"]));
  expect(stage.plain(await stage.good(pushed, "refresh", "--yes"))).toMatchInlineSnapshot(`
    "bootable:index:Image (os):
      warning: Could not tell whether image hostile.example.com/team/os@sha256:<digest>… still exists: the registry answered 503, in 4 attempts. Its state was kept. It said: UNAVAILABLE: storage is away fix: look at the logs of hostile.example.com, or wait until it is well again and run pulumi refresh again."
  `);
  expect(stage.workspace.state().resources.some(({ id }) => id === "os")).toBe(true);
  stage.hostile.misbehave(() => false);
});

/** A process and its ancestors, up to the provider. */
function lineUpToProvider(pid: number): readonly number[] {
  if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("dist/main.js")) return [];
  const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return [pid, ...lineUpToProvider(Number(parent))];
}

test("Ctrl-C in the middle of a build: its programs end, nothing is left, and the next run goes on", async () => {
  const sleep = `sleep ${process.pid}86400`;
  const directory = join(stage.workspace.directory, "slow");
  const slow = program(resource("index:Image", "slow", { context: "./slow", builder: "buildah" }));
  makeContext(directory, { Containerfile: containerfile(`RUN exec busybox ${sleep}`) });
  const run = stage.start(slow, ...up);
  const sleepers = (): readonly number[] => processesWith(sleep.replace(" ", "\0"));
  await expect.poll(sleepers, { timeout: 120_000 }).toHaveLength(1);
  const builders = sleepers().flatMap(lineUpToProvider);
  expect(builders.length).toBeGreaterThan(1);
  const interrupted = performance.now();
  run.process.kill("SIGINT");
  await expect.poll(() => builders.filter(isRunning), { timeout: 30_000, interval: 20 }).toEqual([]);
  const milliseconds = Math.round(performance.now() - interrupted);
  console.log(`Ctrl-C to the end of the build's ${builders.length} processes: ${milliseconds} ms`);
  expect(milliseconds).toBeLessThan(2000);
  expect(stage.plain(await run.finished)).toMatchInlineSnapshot(`
    "bootable:index:Image (slow):
      error: The build of Containerfile for linux/amd64 with buildah was cancelled."
  `);
  expect(readdirSync(join(stage.computer, "cache/bootable/work"))).toEqual([]);
  makeContext(directory, { Containerfile: containerfile("RUN exec busybox sleep 0") });
  await stage.good(slow, ...up);
});
