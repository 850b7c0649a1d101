/** Hosts that a registry sends us to: they get no credentials, and no bytes of ours. */
import { expect, onTestFinished, test } from "vitest";
import { redirectTarget } from "../../provider/registry/redirects.ts";
import { isTrouble } from "../../provider/registry/trouble.ts";
import { answer, startHostileRegistry } from "../fakes/hostile-registry.ts";
import { makeImage } from "../fakes/oci-layout.ts";
import { amd64, bytesOf, hostile, layoutOf, messageOf, never } from "./scratch.ts";

const image = makeImage();
const login = { username: "ci", password: "hunter2!" };
const silent = (): void => undefined;

/** A registry that wants a login, and another host beside it that holds the same image and asks for none. */
async function withForeigner() {
  const foreign = await startHostileRegistry();
  onTestFinished(() => foreign.stop());
  foreign.hold("team/os", image);
  const set = await hostile({ login });
  set.registry.hold("team/os", image);
  const publish = async () =>
    set.images.publish({
      repository: set.repository,
      tags: ["in-1"],
      layoutDirectory: await layoutOf(image),
      signal: never,
      onProgress: silent,
    });
  const replace = { [set.registry.host]: "registry.example.com", [foreign.host]: "evil.example" };
  return { ...set, foreign, publish, replace };
}

/** The challenge first; then `next`, which may look at what comes with the login. */
function challenge(request: { headers: { authorization?: string | undefined } }, response: Parameters<typeof answer>[0]): boolean {
  return request.headers.authorization === undefined && answer(response, 401, { headers: { "www-authenticate": 'Basic realm="x"' } });
}

test("a blob on another host is fetched there without the login", async () => {
  const { registry, foreign, images, repository } = await withForeigner();
  registry.misbehave((request, response) => {
    if (challenge(request, response)) return true;
    return (
      request.url?.includes("/blobs/") === true &&
      answer(response, 307, { headers: { location: `http://user:pw@${foreign.host}${request.url}` } })
    );
  });
  const open = await images.open({ ...repository, digest: image.digest }, amd64, { signal: never, onProgress: silent });
  expect(await bytesOf(open.layers[0]!.open())).toEqual(Buffer.from("layer one"));
  expect(foreign.seen.map((one) => one.authorization)).toEqual([undefined, undefined, undefined]);
});

test("another host that asks for the login gets none", async () => {
  const { registry, foreign, images, repository, replace } = await withForeigner();
  foreign.misbehave((_, response) => answer(response, 401, { headers: { "www-authenticate": 'Basic realm="give it to me"' } }));
  registry.misbehave((request, response) => {
    if (challenge(request, response)) return true;
    return (
      request.url?.includes("/blobs/") === true && answer(response, 307, { headers: { location: `http://${foreign.host}${request.url}` } })
    );
  });
  const work = images.open({ ...repository, digest: image.digest }, amd64, { signal: never, onProgress: silent });
  const short = image.digest.slice(7, 19);
  expect(await messageOf(work, { ...replace, [short]: "9f2c" })).toMatchInlineSnapshot(`
    "Could not fetch image registry.example.com/team/os@sha256:9f2c…: the registry sent us on to evil.example, which answered 401.
    fix: look at the storage behind the registry; links to it may have expired."
  `);
  expect(foreign.seen.map((one) => one.authorization)).toEqual([undefined]);
});

test("an upload is not taken to another host", async () => {
  const { registry, foreign, publish, replace } = await withForeigner();
  registry.blobs.clear();
  registry.misbehave((request, response) => {
    if (challenge(request, response)) return true;
    return (
      request.method === "POST" && answer(response, 202, { headers: { location: `http://${foreign.host}/v2/team/os/blobs/uploads/1` } })
    );
  });
  expect(await messageOf(publish(), replace)).toMatchInlineSnapshot(`
    "Could not push image registry.example.com/team/os: registry.example.com sends us on to http://evil.example, and what is sent to a registry stays there.
    fix: check the address that registry.example.com is set up to give for itself; behind a proxy it often needs to be told its public name and https."
  `);
  expect(foreign.seen).toEqual([]);
});

test("what is sent is not redirected", async () => {
  const { registry, foreign, publish, replace } = await withForeigner();
  registry.misbehave((request, response) => {
    if (challenge(request, response)) return true;
    return request.method === "PUT" && answer(response, 307, { headers: { location: `http://${foreign.host}${request.url}` } });
  });
  expect(await messageOf(publish(), replace)).toMatchInlineSnapshot(`
    "Could not push image registry.example.com/team/os: registry.example.com sends us on to http://evil.example, and what is sent to a registry stays there.
    fix: check the address that registry.example.com is set up to give for itself; behind a proxy it often needs to be told its public name and https."
  `);
  expect(foreign.seen).toEqual([]);
});

test("a redirect in a circle ends", async () => {
  const { registry, images, repository, replace } = await withForeigner();
  registry.misbehave((request, response) => answer(response, 302, { headers: { location: request.url ?? "" } }));
  expect(await messageOf(images.resolve({ ...repository, tag: "in-1" }, { signal: never }), replace)).toMatchInlineSnapshot(
    `"Could not look up image registry.example.com/team/os:in-1: the registry redirects more than 5 times."`,
  );
});

test("a list of tags that goes on elsewhere", async () => {
  const { registry, foreign, images, repository, replace } = await withForeigner();
  registry.misbehave((_, response) =>
    answer(response, 200, {
      headers: { link: `<http://${foreign.host}/v2/team/os/tags/list?last=a>; rel="next"` },
      body: '{"tags":["a"]}',
    }),
  );
  expect(await messageOf(images.tags(repository, never), replace)).toMatchInlineSnapshot(`
    "Could not list the tags of registry.example.com/team/os: registry.example.com says that its list of tags goes on at evil.example, and only its own answers count.
    fix: check the address that registry.example.com is set up to give for itself."
  `);
  expect(foreign.seen).toEqual([]);
});

test("a list of tags that never ends does", async () => {
  const { registry, images, repository } = await withForeigner();
  registry.misbehave((request, response) =>
    answer(response, 200, { headers: { link: `<${request.url}>; rel="next"` }, body: '{"tags":["a"]}' }),
  );
  expect(await images.tags(repository, never)).toEqual(["a"]);
});

test.each([
  { from: "https://registry.example.com/v2/", method: "GET", location: "https://cdn.example.net/x", leads: "https://cdn.example.net/x" },
  { from: "https://registry.example.com/v2/", method: "GET", location: "../other", leads: "https://registry.example.com/other" },
  { from: "http://registry.example.com/v2/", method: "HEAD", location: "http://store.example.net/x", leads: "http://store.example.net/x" },
  { from: "https://registry.example.com/v2/", method: "GET", location: "http://registry.example.com/x", leads: undefined },
  { from: "https://registry.example.com/v2/", method: "GET", location: "file:///etc/passwd", leads: undefined },
  { from: "http://registry.example.com/v2/", method: "GET", location: "ftp://registry.example.com/x", leads: undefined },
  { from: "https://registry.example.com/v2/", method: "POST", location: "https://registry.example.com/x", leads: undefined },
  { from: "https://registry.example.com/v2/", method: "GET", location: "https://[", leads: undefined },
])("from $from, a redirected $method to $location leads to $leads", ({ from, method, location, leads }) => {
  const target = redirectTarget(new URL(from), { method, location });
  expect(isTrouble(target) ? undefined : target.href).toBe(leads);
});
