import * as fc from "fast-check";
import { expect, test } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import { findRule, parseRegistryRules, pullRoutes, pushRoute } from "../../provider/registry/registries-conf.ts";
import { makeImage } from "../fakes/oci-layout.ts";
import { writeContainersConfig } from "../fakes/docker-registry.ts";
import { answer, startHostileRegistry } from "../fakes/hostile-registry.ts";
import { amd64, imagesIn, never, scratchFolder } from "./scratch.ts";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";

const conf = `
unqualified-search-registries = ["docker.io"]
[[registry]]
location = "plain.example.com:5000"
insecure = true
[[registry]]
prefix = "example.com/foo"
location = "internal.example.net/bar"
[[registry]]
prefix = "*.wild.example.com"
insecure = true
[[registry]]
prefix = "*.moved.example.com/team"
location = "new.example.com/old-team"
[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "mirror.example.com/hub"
insecure = true
[[registry.mirror]]
location = "digests.example.com"
pull-from-mirror = "digest-only"
[[registry]]
location = "evil.example"
blocked = true
`;
const rules = parseRegistryRules([{ path: "/etc/containers/registries.conf", text: conf }]);

function pulls(name: string, by: "tag" | "digest" = "tag"): string[] {
  return pullRoutes(rules, name, by).map((route) => `${route.registry}/${route.repository}${route.insecure ? " insecure" : ""}`);
}

test.each([
  ["registry.example.com/team/os", ["registry.example.com/team/os"]],
  ["plain.example.com:5000/team/os", ["plain.example.com:5000/team/os insecure"]],
  ["example.com/foo/os", ["internal.example.net/bar/os"]],
  ["example.com/foo", ["internal.example.net/bar"]],
  ["example.com/foobar/os", ["example.com/foobar/os"]],
  ["a.b.wild.example.com/os", ["a.b.wild.example.com/os insecure"]],
  ["wild.example.com/os", ["wild.example.com/os"]],
  ["eu.moved.example.com/team/os", ["new.example.com/old-team/os"]],
  ["eu.moved.example.com/teams/os", ["eu.moved.example.com/teams/os"]],
  ["docker.io/library/debian", ["mirror.example.com/hub/library/debian insecure", "docker.io/library/debian"]],
])("%s is pulled from %j", (name, expected) => {
  expect(pulls(name)).toEqual(expected);
});

test("mirrors for digests only, and pushes go where they say", () => {
  expect(pulls("docker.io/library/debian", "digest")).toEqual([
    "mirror.example.com/hub/library/debian insecure",
    "digests.example.com/library/debian",
    "docker.io/library/debian",
  ]);
  expect(pushRoute(rules, "docker.io/team/os")).toEqual({ registry: "docker.io", repository: "team/os", insecure: false });
  expect(pushRoute(rules, "example.com/foo/os")).toEqual({ registry: "example.com", repository: "foo/os", insecure: false });
});

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return describeFailure(error as Failure);
  }
  return "no failure";
}

test("a blocked registry, and a file that is not TOML", () => {
  expect(messageOf(() => pullRoutes(rules, "evil.example/os", "tag"))).toMatchInlineSnapshot(`
    "evil.example/os must not be used: /etc/containers/registries.conf blocks evil.example.
    fix: use an image from another registry, or take "blocked = true" for evil.example out of that file."
  `);
  expect(messageOf(() => pushRoute(rules, "evil.example/os"))).toBe(messageOf(() => pullRoutes(rules, "evil.example/os", "tag")));
  const text = '[[registry]]\nlocation = "x"\ninsecure = yes\n';
  expect(messageOf(() => parseRegistryRules([{ path: "/etc/containers/registries.conf", text }]))).toMatchInlineSnapshot(`
    "/etc/containers/registries.conf, line 3 is not TOML, so it cannot be told how registries are reached.
    fix: correct that line; containers-registries.conf(5) describes the file."
  `);
});

test("a later file's rule replaces an earlier one for the same prefix", () => {
  const files = [true, false].map((insecure, index) => ({
    path: `${index}.conf`,
    text: `[[registry]]\nlocation = "a.b"\ninsecure = ${insecure}`,
  }));
  expect(parseRegistryRules(files)).toEqual([
    { prefix: "a.b", location: "a.b", insecure: false, blocked: false, mirrors: [], source: "1.conf" },
  ]);
});

test("the longest prefix that covers a name wins", () => {
  const part = fc.stringMatching(/^[a-z]{1,2}$/);
  fc.assert(
    fc.property(
      fc.array(part, { minLength: 1, maxLength: 4 }),
      fc.array(fc.array(part, { minLength: 1, maxLength: 4 }), { maxLength: 6 }),
      (path, prefixes) => {
        const name = ["r.io", ...path].join("/");
        const texts = prefixes.map((one) => ["r.io", ...one].join("/"));
        const found = findRule(
          parseRegistryRules([{ path: "x", text: texts.map((text) => `[[registry]]\nlocation = "${text}"`).join("\n") }]),
          name,
        );
        const covering = texts.filter((text) => `${name}/`.startsWith(`${text}/`)).sort((a, b) => b.length - a.length);
        expect(found?.prefix).toBe(covering[0]);
      },
    ),
  );
});

test("a mirror is asked first; what it does not have or cannot give comes from the place itself", async () => {
  const [place, mirror] = await Promise.all([startHostileRegistry(), startHostileRegistry()]);
  onTestFinished(async () => void (await Promise.all([place.stop(), mirror.stop()])));
  const folder = await scratchFolder();
  const configHome = await writeContainersConfig(folder, { host: place.host });
  const mirrorTable = `[[registry.mirror]]\nlocation = "${mirror.host}/cache"\ninsecure = true\n`;
  const table = `[[registry]]\nlocation = "${place.host}"\ninsecure = true\n${mirrorTable}`;
  await writeFile(join(configHome, "containers", "registries.conf"), table);
  const images = await imagesIn(configHome);
  const [both, one] = [makeImage(), makeImage({ labels: { v: "2" } })];
  place.hold("team/os", both, ["both"]);
  place.hold("team/os", one, ["one"]);
  mirror.hold("cache/team/os", both, ["both"]);
  const repository = { registry: place.host, repository: "team/os" };
  await images.open({ ...repository, digest: both.digest }, amd64, { signal: never, onProgress: () => undefined });
  expect(place.seen).toEqual([]);
  expect(await images.resolve({ ...repository, tag: "one" }, { signal: never })).toBe(one.digest);
  mirror.misbehave((_, response) => answer(response, 403));
  expect(await images.resolve({ ...repository, tag: "both" }, { signal: never })).toBe(both.digest);
  expect(await images.resolve({ ...repository, tag: "none" }, { signal: never })).toBeUndefined();
});
