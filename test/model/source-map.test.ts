import { array, assert, constantFrom, property, string, uniqueArray } from "fast-check";
import { expect, test } from "vitest";
import { compareBytewise } from "../../provider/model/bytewise.ts";
import { foldSources, hashSources } from "../../provider/model/source-map.ts";

function entries(paths: readonly string[], hash = "a".repeat(64)): Map<string, string> {
  return new Map(paths.map((path) => [path, hash]));
}

function numbered(count: number, path: (index: number) => string): readonly string[] {
  return Array.from({ length: count }, (_, index) => path(index));
}

test.each<[string, readonly string[], readonly string[]]>([
  ["few files", ["b", "a/c", "a/b/"], ["a/b/", "a/c", "b"]],
  ["many in some folders", ["Containerfile", ...numbered(301, (index) => `d${index % 2}/f${index}`)], ["Containerfile", "d0/", "d1/"]],
  [
    "deep folders, as deep as there is room",
    numbered(400, (index) => `a/b${index % 3}/c${index % 200}/f${index}`),
    ["a/b0/", "a/b1/", "a/b2/"],
  ],
  ["many at the top", ["Containerfile", ...numbered(400, (index) => `f${index}`)], ["./", "Containerfile"]],
  ["empty folders among many", [...numbered(301, (index) => `a/f${index}`), "a/e/", "b/c/"], ["a/", "b/"]],
])("folds %s", (_, paths, expected) => {
  expect(Object.keys(foldSources(entries(paths), "Containerfile"))).toEqual(expected);
});

test("has at least 128 bits everywhere, and room for odd names", () => {
  const folded = foldSources(entries(["__proto__", "x"]), "x");
  expect(Object.entries(folded)).toEqual([
    ["__proto__", "a".repeat(32)],
    ["x", "a".repeat(32)],
  ]);
  expect(Object.values(foldSources(entries(numbered(301, (index) => `d/f${index}`)), ""))).toEqual([
    expect.stringMatching(/^[0-9a-f]{32}$/),
  ]);
});

const name = string({ minLength: 1, maxLength: 3 }).map((text) => text.replaceAll(/[/\0]/g, "_"));
const path = array(constantFrom("a", "b", "é"), { maxLength: 3 }).chain((above) => name.map((last) => [...above, last].join("/")));

test("any changed file changes one key or its folder's, and the hash of all; order changes nothing", () => {
  assert(
    property(uniqueArray(path, { minLength: 1, maxLength: 20 }), constantFrom(0, 301), (some, fillers) => {
      const all = entries([...some, ...numbered(fillers, (index) => `fill/f${index}`)]);
      const changed = new Map([...all, [some[0] ?? "", "b".repeat(64)]]);
      const [before, after] = [foldSources(all, "Containerfile"), foldSources(changed, "Containerfile")];
      expect(Object.keys(before)).toEqual(Object.keys(after));
      expect(Object.keys(before).filter((key) => before[key] !== after[key])).toHaveLength(1);
      expect(hashSources(all)).not.toBe(hashSources(changed));
      const reversed = new Map([...all].toReversed());
      expect([foldSources(reversed, "Containerfile"), hashSources(reversed)]).toEqual([before, hashSources(all)]);
      const plain = Object.keys(before).filter((key) => !/^(?:0|[1-9][0-9]*)$/.test(key));
      expect(plain).toEqual(plain.toSorted(compareBytewise));
    }),
  );
});
