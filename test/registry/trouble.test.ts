import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { startRegistry } from "../fakes/docker-registry.ts";
import { answer, refuse } from "../fakes/hostile-registry.ts";
import { makeImage } from "../fakes/oci-layout.ts";
import { hostile, imagesIn, layoutOf, messageOf, never, scratchFolder } from "./scratch.ts";

const image = makeImage();
const short = image.digest.slice(0, "sha256:".length + 12);
const silent = (): void => undefined;

test("a registry that is down", async () => {
  const { registry, images, repository } = await hostile();
  await registry.stop();
  const work = images.resolve({ ...repository, tag: "in-1" }, { signal: never });
  expect(await messageOf(work, { [registry.host]: "registry.example.com" })).toMatchInlineSnapshot(`
    "Could not look up image registry.example.com/team/os:in-1: nothing answers at registry.example.com (connection refused), in 4 attempts.
    fix: check that registry.example.com is the registry's name and port and that it is up."
  `);
});

test("401 without a login", async () => {
  const { registry, images, repository } = await hostile();
  registry.misbehave((_, response) => refuse(response, 401, ["UNAUTHORIZED", "authentication required"]));
  const work = images.describe({ ...repository, digest: image.digest }, never);
  expect(await messageOf(work, { [registry.host]: "registry.example.com", [short]: "sha256:9f2c" })).toMatchInlineSnapshot(`
    "Could not tell whether image registry.example.com/team/os@sha256:9f2c… still exists: the registry answered 401.
    fix: log in with "podman login registry.example.com"."
  `);
});

test("401 with a login that does not count, named but never shown", async () => {
  const { registry, images, repository, folder } = await hostile({ login: { username: "ci", password: "hunter2!" } });
  registry.misbehave((request, response) => {
    const headers = { "www-authenticate": 'Basic realm="x"', "content-type": "application/json" };
    const body = JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: request.headers.authorization ?? "who are you" }] });
    return answer(response, 401, { headers, body });
  });
  const work = images.publish({ repository, tags: ["in-1"], layoutDirectory: await layoutOf(image), signal: never, onProgress: silent });
  expect(await messageOf(work, { [registry.host]: "registry.example.com", [folder]: "" })).toMatchInlineSnapshot(`
    "Could not push image registry.example.com/team/os: the registry answered 401.
    It refused the login from /config/containers/auth.json.
    fix: log in with "podman login registry.example.com"."
  `);
  expect(registry.seen.map((one) => one.authorization)).toContain(`Basic ${Buffer.from("ci:hunter2!").toString("base64")}`);
});

test("403 tells what the registry says, without what it echoes", async () => {
  const { registry, images, repository, folder } = await hostile({ login: { username: "ci", password: "hunter2!" } });
  registry.misbehave((request, response) => {
    const { authorization } = request.headers;
    if (authorization === undefined) return answer(response, 401, { headers: { "www-authenticate": 'Basic realm="x"' } });
    const password = Buffer.from(authorization.slice(6), "base64").toString().split(":")[1];
    return refuse(response, 403, ["DENIED", `not you\n\u001b[31m${authorization} ${password}`]);
  });
  const work = images.publish({ repository, tags: ["in-1"], layoutDirectory: await layoutOf(image), signal: never, onProgress: silent });
  // A HEAD has no words with it; the mere check of what is there comes first, so ask by a tag.
  expect(await messageOf(work, { [registry.host]: "registry.example.com", [folder]: "" })).toMatchInlineSnapshot(`
    "Could not push image registry.example.com/team/os: the registry answered 403 (the login from /config/containers/auth.json was used).
    fix: give this login the right to do so on registry.example.com, or log in as another user with "podman login registry.example.com"."
  `);
  const tags = images.tags(repository, never);
  expect(await messageOf(tags, { [registry.host]: "registry.example.com", [folder]: "" })).toMatchInlineSnapshot(`
    "Could not list the tags of registry.example.com/team/os: the registry answered 403 (the login from /config/containers/auth.json was used).
    It said: DENIED: not you [31mBasic [secret] [secret]
    fix: give this login the right to do so on registry.example.com, or log in as another user with "podman login registry.example.com"."
  `);
});

test("404 as a web page is no answer about an image", async () => {
  const { registry, images, repository } = await hostile();
  registry.misbehave((_, response) => answer(response, 404, { headers: { "content-type": "text/html; charset=utf-8" }, body: "<html>" }));
  const work = images.describe({ ...repository, digest: image.digest }, never);
  expect(await messageOf(work, { [registry.host]: "registry.example.com", [short]: "sha256:9f2c" })).toMatchInlineSnapshot(`
    "Could not tell whether image registry.example.com/team/os@sha256:9f2c… still exists: the registry answered 404 with a web page.
    fix: check that registry.example.com is a container registry and that no proxy answers in its place."
  `);
});

test("a 502 with a page longer than anyone reads is still a 502", async () => {
  const { registry, images, repository } = await hostile({ patience: { attempts: 1 } });
  registry.misbehave((_, response) =>
    answer(response, 502, { headers: { "content-type": "text/html" }, body: Buffer.alloc(1_000_000, "x") }),
  );
  expect(await messageOf(images.tags(repository, never), { [registry.host]: "registry.example.com" })).toMatchInlineSnapshot(`
    "Could not list the tags of registry.example.com/team/os: the registry answered 502.
    fix: look at the logs of registry.example.com, or wait until it is well again."
  `);
});

test("429 is waited out as long as asked", async () => {
  const { registry, images, repository } = await hostile();
  registry.hold("team/os", image, ["in-1"]);
  let count = 0;
  registry.misbehave((_, response) => {
    count += 1;
    return count < 3 && answer(response, 429, { headers: { "retry-after": "0" } });
  });
  expect(await images.resolve({ ...repository, tag: "in-1" }, { signal: never })).toBe(image.digest);
  expect(count).toBe(3);
});

test("429 that asks for longer than anyone would wait", async () => {
  const { registry, images, repository } = await hostile();
  registry.misbehave((_, response) => answer(response, 429, { headers: { "retry-after": "3600" } }));
  const work = images.resolve({ ...repository, tag: "in-1" }, { signal: never });
  expect(await messageOf(work, { [registry.host]: "registry.example.com" })).toMatchInlineSnapshot(`
    "Could not look up image registry.example.com/team/os:in-1: the registry answered 429 (too many requests) and asks to come back in 3600 s.
    fix: wait a while, or log in with "podman login registry.example.com": known users are often allowed more."
  `);
  expect(registry.seen).toHaveLength(1);
});

test("503 passes, or is told after four attempts", async () => {
  const { registry, images, repository } = await hostile();
  registry.hold("team/os", image, ["in-1"]);
  registry.misbehave((_, response) => registry.seen.length < 3 && answer(response, 503));
  expect(await images.resolve({ ...repository, tag: "in-1" }, { signal: never })).toBe(image.digest);
  registry.misbehave((_, response) => refuse(response, 503, ["UNAVAILABLE", "storage is away"]));
  const work = images.tags(repository, never);
  expect(await messageOf(work, { [registry.host]: "registry.example.com" })).toMatchInlineSnapshot(`
    "Could not list the tags of registry.example.com/team/os: the registry answered 503, in 4 attempts.
    It said: UNAVAILABLE: storage is away
    fix: look at the logs of registry.example.com, or wait until it is well again."
  `);
  expect(registry.seen).toHaveLength(4);
});

test("a registry that goes silent", async () => {
  const { registry, images, repository } = await hostile({ patience: { silenceSeconds: 0.05, attempts: 2 } });
  registry.misbehave(() => true);
  const work = images.resolve({ ...repository, tag: "in-1" }, { signal: never });
  expect(await messageOf(work, { [registry.host]: "registry.example.com" })).toMatchInlineSnapshot(`
    "Could not look up image registry.example.com/team/os:in-1: registry.example.com went silent in the middle of an exchange, in 2 attempts.
    fix: check that registry.example.com is the registry's name and port and that it is up."
  `);
});

test("a registry slower than the time that a look-up has", async () => {
  const { registry, images, repository } = await hostile();
  registry.misbehave(() => true);
  const work = images.resolve({ ...repository, tag: "in-1" }, { signal: never, timeoutSeconds: 0.1 });
  expect(await messageOf(work, { [registry.host]: "registry.example.com" })).toMatchInlineSnapshot(`
    "Could not look up image registry.example.com/team/os:in-1: the registry did not answer within 0.1 s.
    fix: look whether the registry is overloaded or far away."
  `);
});

test("a look-up that is cancelled", async () => {
  const { registry, images, repository } = await hostile();
  const stop = new AbortController();
  registry.misbehave(() => {
    stop.abort();
    return true;
  });
  const work = images.resolve({ ...repository, tag: "in-1" }, { signal: stop.signal });
  expect(await messageOf(work, { [registry.host]: "registry.example.com" })).toMatchInlineSnapshot(
    `"Looking up image registry.example.com/team/os:in-1 was cancelled."`,
  );
});

test("plain HTTP where TLS is called for", async () => {
  const { registry } = await hostile();
  const images = await imagesIn(await scratchFolder());
  const work = images.resolve({ registry: registry.host, repository: "team/os", tag: "in-1" }, { signal: never });
  const text = await messageOf(work, { [registry.host]: "registry.example.com" });
  expect(text.replace(/\((?:EPROTO|ERR_SSL_[A-Z_]+)\)/, "(code of OpenSSL)")).toMatchInlineSnapshot(`
    "Could not look up image registry.example.com/team/os:in-1: registry.example.com does not speak TLS as a registry must (code of OpenSSL).
    fix: if it is a plain HTTP registry, give it a [[registry]] table in ~/.config/containers/registries.conf with location = "registry.example.com" and insecure = true."
  `);
  expect(registry.seen).toEqual([]);
});

test("a certificate of an authority that nobody knows", async () => {
  const registry = await startRegistry({ tls: true });
  onTestFinished(() => registry.stop());
  const images = await imagesIn(await scratchFolder());
  const work = images.resolve({ registry: registry.host, repository: "team/os", tag: "in-1" }, { signal: never });
  expect(await messageOf(work, { [registry.host]: "registry.example.com" })).toMatchInlineSnapshot(`
    "Could not look up image registry.example.com/team/os:in-1: the TLS certificate of registry.example.com is not trusted (UNABLE_TO_VERIFY_LEAF_SIGNATURE).
    fix: put the certificate of the authority that signed it in /etc/containers/certs.d/registry.example.com/ca.crt, as podman has it."
  `);
});

test("a server that takes connections and hangs up", async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const images = await imagesIn(await scratchFolder());
  const work = images.resolve({ registry: host, repository: "team/os", tag: "in-1" }, { signal: never });
  expect(await messageOf(work, { [host]: "registry.example.com" })).toMatchInlineSnapshot(`
    "Could not look up image registry.example.com/team/os:in-1: registry.example.com closed the connection too early (ECONNRESET), in 4 attempts.
    fix: check that registry.example.com is the registry's name and port and that it is up."
  `);
});

test("deletes that a registry does not allow", async () => {
  const registry = await startRegistry({ allowDelete: false });
  onTestFinished(() => registry.stop());
  const images = await imagesIn(registry.configHome);
  const repository = { registry: registry.host, repository: "team/os" };
  await images.publish({ repository, tags: ["in-1"], layoutDirectory: await layoutOf(image), signal: never, onProgress: silent });
  const work = images.remove({ ...repository, digest: image.digest }, never);
  expect(await messageOf(work, { [registry.host]: "registry.example.com", [short]: "sha256:9f2c" })).toMatchInlineSnapshot(`
    "Could not delete image registry.example.com/team/os@sha256:9f2c…: registry.example.com does not allow images to be deleted (405); the image stays there.
    fix: allow deletes in the registry's settings, or set onDelete to "keep"."
  `);
});
