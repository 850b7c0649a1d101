import * as fc from "fast-check";
import { expect, test } from "vitest";
import { checkFields, readFields } from "../../provider/spec/check.ts";
import { diffInputs } from "../../provider/spec/diff.ts";
import { bare, bareMap, coverLike, isList, isMap, mapEntries, secretTexts, some } from "../../provider/spec/tree.ts";
import { Secret, unknown, Unknown, type Value } from "../../provider/spec/value.ts";
import { fittingFields } from "./arbitrary.ts";
import { spec } from "./sample.ts";

const trees = fittingFields(spec.inputs);

/** A secret covers all of itself: further secrets in it say nothing. */
function outermost(value: Value): Value {
  if (value instanceof Secret) return new Secret(bare(value));
  if (isList(value)) return value.map(outermost);
  return isMap(value) ? mapEntries(value, outermost) : value;
}

test("any tree with secrets and unknowns comes out of check as it went in", () => {
  fc.assert(
    fc.property(trees, (given) => {
      const { values, problems } = checkFields("Sample", spec.inputs, given);
      expect(problems).toEqual([]);
      expect(values).toEqual(given);
    }),
    { numRuns: 300 },
  );
});

test("handlers see no secret, and what covered it is put back at the same places", () => {
  fc.assert(
    fc.property(trees, (given) => {
      const seen = bareMap(given);
      expect(some(seen, (part) => part instanceof Secret)).toBe(false);
      expect(seen).toEqual(readFields(spec.inputs, given));
      expect(coverLike(seen, given)).toEqual(outermost(given));
    }),
    { numRuns: 300 },
  );
});

/** Its digest decides for it. */
function withoutBootLoader(disk: Value): Value {
  if (disk instanceof Secret) return new Secret(withoutBootLoader(disk.value));
  return isMap(disk) ? Object.fromEntries(Object.entries(disk).filter(([name]) => name !== "bootLoader")) : disk;
}

test("a tree differs from itself only where it is unknown, and secrecy is no difference", () => {
  fc.assert(
    fc.property(trees, (given) => {
      const known = JSON.stringify(given, (_, part: unknown) => (part instanceof Unknown ? "known" : part));
      const changes = diffInputs(spec.inputs, bareMap(given), given);
      const { remark, disk = null, ...others } = given;
      expect(remark).toBeDefined();
      const compared = { ...others, disk: withoutBootLoader(disk) };
      expect(changes.length > 0, known).toBe(some(compared, (part) => part instanceof Unknown));
    }),
    { numRuns: 300 },
  );
});

test.each<[Value, Value | undefined, Value]>([
  ["a", new Secret("b"), new Secret("a")],
  [unknown, new Secret(unknown), new Secret(unknown)],
  [new Secret("a"), "b", new Secret("a")],
  [
    ["a", "b", "c"],
    ["x", new Secret("y")],
    ["a", new Secret("b"), "c"],
  ],
  [
    { a: "1", b: "2" },
    { b: new Secret("x"), c: new Secret("y") },
    { a: "1", b: new Secret("2") },
  ],
  [{ a: ["1"] }, new Secret({ a: ["1"] }), new Secret({ a: ["1"] })],
  // Of another shape: which part came from the secret cannot be told, so all of it is covered.
  ["a=1", { a: new Secret("1") }, new Secret("a=1")],
  [["1"], { a: new Secret("1") }, new Secret(["1"])],
  [{ a: new Secret("1") }, new Secret("x"), new Secret({ a: "1" })],
  ["a", undefined, "a"],
])("covers %o like %o", (value, like, expected) => {
  expect(coverLike(value, like)).toEqual(expected);
});

test("takes secrets off at any depth", () => {
  expect(bare(new Secret([new Secret({ a: new Secret(unknown) }), 1]))).toEqual([{ a: unknown }, 1]);
});

test("texts in secrets are found at any depth, and no others", () => {
  const tree = { open: "a", list: ["b", new Secret("c")], map: new Secret({ d: ["e", 7, unknown], f: new Secret("g") }) };
  expect(secretTexts(tree)).toEqual(["c", "e", "g"]);
});
