import * as fc from "fast-check";
import { expect, test } from "vitest";
import { credentialKeys, findCredentials, helpersFor, parseAuthFile, parseHelperAnswer } from "../../provider/registry/auth-file.ts";
import { parseChallenges } from "../../provider/registry/challenge.ts";
import { retryAfterSeconds } from "../../provider/registry/answers.ts";
import { authFiles } from "../../provider/registry/surroundings.ts";
import { nextLink } from "../../provider/registry/tag-pages.ts";

const auth = (text: string): object => ({ auth: Buffer.from(text).toString("base64") });

function find(auths: object, registry: string, repository: string): string | undefined {
  const found = findCredentials(parseAuthFile("auth.json", JSON.stringify({ auths }))!, registry, repository);
  return found && `${found.username}:${found.secret} (${found.kind})`;
}

test.each([
  [{ "r.io": auth("a:b") }, "r.io", "team/os", "a:b (password)"],
  [{ "r.io": auth("a:b"), "r.io/team": auth("t:u"), "r.io/team/os": auth("o:s") }, "r.io", "team/os", "o:s (password)"],
  [{ "r.io": auth("a:b"), "r.io/team": auth("t:u") }, "r.io", "team/os", "t:u (password)"],
  [{ "r.io/tea": auth("t:u") }, "r.io", "team/os", undefined],
  [{ "r.io": auth("a:b:c") }, "r.io", "os", "a:b:c (password)"],
  [{ "https://r.io/v1/": auth("a:b") }, "r.io", "os", "a:b (password)"],
  [{ "https://index.docker.io/v1/": auth("a:b") }, "docker.io", "library/debian", "a:b (password)"],
  [{ "r.io:5000": auth("a:b") }, "r.io", "os", undefined],
  [{ "r.io": { username: "a", password: "b" } }, "r.io", "os", "a:b (password)"],
  [{ "r.io": { ...auth("<token>:"), identitytoken: "i" } }, "r.io", "os", "<token>:i (identity)"],
  [{ "r.io": {} }, "r.io", "os", undefined],
  [{ "r.io": "nonsense" }, "r.io", "os", undefined],
])("%j has for %s/%s: %s", (...[auths, registry, repository, expected]) => {
  expect(find(auths, registry, repository)).toBe(expected);
});

test("helpers: the registry's own, then the store", () => {
  const file = parseAuthFile("auth.json", '{"credHelpers":{"r.io":"ecr"},"credsStore":"pass"}')!;
  expect([helpersFor(file, "r.io"), helpersFor(file, "q.io"), helpersFor(file, "constructor")]).toEqual([
    ["ecr", "pass"],
    ["pass"],
    ["pass"],
  ]);
  expect(parseHelperAnswer('{"Username":"<token>","Secret":"s"}', "h")).toEqual({
    username: "<token>",
    secret: "s",
    kind: "identity",
    source: "h",
  });
  expect(parseHelperAnswer("no JSON", "h")).toBeUndefined();
});

test("auth files in the order of containers' tools", () => {
  const home = { HOME: "/home/u", XDG_RUNTIME_DIR: "/run/user/7" };
  expect(authFiles(home)).toEqual([
    "/run/user/7/containers/auth.json",
    "/home/u/.config/containers/auth.json",
    "/home/u/.docker/config.json",
  ]);
  expect(authFiles({ ...home, XDG_CONFIG_HOME: "/c", DOCKER_CONFIG: "/d" })).toEqual([
    "/run/user/7/containers/auth.json",
    "/c/containers/auth.json",
    "/d/config.json",
  ]);
  expect(authFiles({ ...home, REGISTRY_AUTH_FILE: "/f" })).toEqual(["/f"]);
});

test("keys go from the narrowest to the registry", () => {
  expect(credentialKeys("r.io", "a/b/c")).toEqual(["r.io/a/b/c", "r.io/a/b", "r.io/a", "r.io"]);
});

test.each([
  ['Basic realm="a, b=\\"c\\""', [{ scheme: "basic", parameters: { realm: 'a, b="c"' } }]],
  [
    'Bearer realm="https://a/t",service=s , scope="repository:x:pull,push"',
    [{ scheme: "bearer", parameters: { realm: "https://a/t", service: "s", scope: "repository:x:pull,push" } }],
  ],
  [
    'Negotiate, Basic realm="x", Bearer realm="y"',
    [
      { scheme: "negotiate", parameters: {} },
      { scheme: "basic", parameters: { realm: "x" } },
      { scheme: "bearer", parameters: { realm: "y" } },
    ],
  ],
  ["BASIC", [{ scheme: "basic", parameters: {} }]],
  ["", []],
  ['Bearer realm="never ends', [{ scheme: "bearer", parameters: {} }]],
])("the challenge %s", (header, expected) => {
  expect(parseChallenges(header).slice(0, expected.length)).toEqual(expected);
});

test("any header ends in challenges, and written ones come back", () => {
  fc.assert(fc.property(fc.string(), (header) => Array.isArray(parseChallenges(header))));
  const name = fc.stringMatching(/^[a-z]{1,8}$/);
  fc.assert(
    fc.property(name, fc.dictionary(name, fc.string()), (scheme, parameters) => {
      const written = Object.entries(parameters).map(([key, value]) => `${key}="${value.replaceAll(/[\\"]/g, "\\$&")}"`);
      expect(parseChallenges(`${scheme} ${written.join(", ")}`)).toEqual([{ scheme, parameters }]);
    }),
  );
});

test("Retry-After as seconds and as a date", () => {
  const now = Date.parse("2026-01-02T03:04:05Z");
  expect(
    ["7", "Fri, 02 Jan 2026 03:04:15 GMT", "Fri, 02 Jan 2026 03:00:00 GMT", "soon", undefined].map((text) => retryAfterSeconds(text, now)),
  ).toEqual([7, 10, 0, undefined, undefined]);
});

test("the next page of a list", () => {
  expect(nextLink('</v2/a?last=b>; rel="next"')).toBe("/v2/a?last=b");
  expect(nextLink('</first>; rel="first", </next>; rel=next; title="x"')).toBe("/next");
  expect(nextLink('</first>; rel="first"')).toBeUndefined();
  expect(nextLink(undefined)).toBeUndefined();
});
