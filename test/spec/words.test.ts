import { expect, test } from "vitest";
import { list, map, oneOf, string } from "../../provider/spec/property.ts";
import { Secret, unknown, type Value } from "../../provider/spec/value.ts";
import { accepted, joinWords, nearest, showValue } from "../../provider/spec/words.ts";

test.each<[Value | undefined, string]>([
  [undefined, "nothing"],
  [null, "nothing"],
  ["a", '"a"'],
  [["a", new Secret("b"), unknown], '["a","[secret]","[unknown]"]'],
  [{ password: new Secret("b") }, '{"password":"[secret]"}'],
  ["z".repeat(100), `"${"z".repeat(58)}…`],
])("shows %o as %s", (value, shown) => {
  expect(showValue(value)).toBe(shown);
});

test.each([
  ["contxt", "context"],
  ["buildargs", "buildArgs"],
  ["buildArg", "buildArgs"],
  ["x", undefined],
  ["zzz", undefined],
])("%s was meant to be %s", (seen, meant) => {
  expect(nearest(seen, ["context", "buildArgs", "labels"])).toBe(meant);
});

test("says what a type accepts", () => {
  expect(accepted(list(map(list(string()))))).toBe("a list of maps of lists of strings");
  expect(accepted(list(oneOf(["raw", "qcow2"])))).toBe("a list of raw or qcow2");
  expect(joinWords(["a"], "or")).toBe("a");
  expect(joinWords(["a", "b", "c"], "and")).toBe("a, b and c");
});
