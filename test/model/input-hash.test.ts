import { assert, property, string } from "fast-check";
import { expect, test } from "vitest";
import { describeFailure, Failure } from "../../provider/failure.ts";
import { compareBytewise } from "../../provider/model/bytewise.ts";
import { currentScheme, inputHash, inTag, schemeOf, type HashedInputs } from "../../provider/model/input-hash.ts";

const base: HashedInputs = {
  sources: { Containerfile: "aa", "www/index.html": "bb" },
  bases: { "quay.io/os/base:1": `sha256:${"c".repeat(64)}` },
  containerfileText: "FROM quay.io/os/base:1\n",
  buildArgs: { VERSION: "1" },
  platforms: ["linux/amd64"],
  labels: { team: "kiosk" },
  secretNames: ["token"],
};

test("stays the same for ever: stacks keep it in their state", () => {
  expect(inputHash(base)).toBe("1:1307eb6d10bf951bd0e23cf0a306c65b8971728bae1b42e9d2c4eac132c759b3");
});

test.each<[string, Partial<HashedInputs>]>([
  ["a source's hash", { sources: { ...base.sources, "www/index.html": "b2" } }],
  ["a source's name", { sources: { Containerfile: "aa", "www/index.htm": "bb" } }],
  ["a base's digest", { bases: { "quay.io/os/base:1": `sha256:${"d".repeat(64)}` } }],
  ["the Containerfile", { containerfileText: "FROM quay.io/os/base:1\nRUN true\n" }],
  ["a build argument", { buildArgs: { VERSION: "2" } }],
  ["the target", { target: "final" }],
  ["the platforms", { platforms: ["linux/amd64", "linux/arm64"] }],
  ["a label", { labels: { team: "other" } }],
  ["a secret's name", { secretNames: ["token", "key"] }],
])("changes with %s", (_, change) => {
  expect(inputHash({ ...base, ...change })).not.toBe(inputHash(base));
});

test("knows no order of keys, platforms and secrets", () => {
  const swapped = {
    ...base,
    sources: { "www/index.html": "bb", Containerfile: "aa" },
    platforms: ["linux/arm64", "linux/amd64", "linux/arm64"],
    secretNames: ["b", "a"],
  };
  expect(inputHash(swapped)).toBe(inputHash({ ...base, platforms: ["linux/amd64", "linux/arm64"], secretNames: ["a", "b"] }));
});

test("has a file named __proto__ count", () => {
  const sources = Object.fromEntries([["__proto__", "aa"]]);
  expect(inputHash({ ...base, sources })).not.toBe(inputHash({ ...base, sources: {} }));
});

test("names the scheme, and the tag is the first 128 bits", () => {
  const hash = `1:${"0123456789abcdef".repeat(4)}`;
  expect([schemeOf(hash), schemeOf("v7"), currentScheme]).toEqual([1, undefined, 1]);
  expect(inTag(hash)).toBe("in-0123456789abcdef0123456789abcdef");
  expect(inTag("set by hand")).toMatch(/^in-[0-9a-f]{32}$/);
});

test("says what to do about a scheme it does not know", () => {
  let failure: unknown;
  try {
    inputHash(base, 2);
  } catch (thrown) {
    failure = thrown;
  }
  expect(failure instanceof Failure && describeFailure(failure)).toBe(
    "The stack's inputHash was computed by scheme 2, and this version of the bootable provider knows scheme 1 only.\n" +
      "fix: use the version of the provider that last updated this stack, or a newer one.",
  );
});

test("orders names as their bytes", () => {
  assert(
    property(string({ unit: "grapheme" }), string({ unit: "grapheme" }), (a, b) => {
      expect(Math.sign(compareBytewise(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
  expect(compareBytewise("\u{1f600}", "\uffee")).toBeGreaterThan(0);
});
