import { assert, property, string } from "fast-check";
import { expect, test } from "vitest";
import { expandWord } from "../../provider/model/shell-expand.ts";

const values: Readonly<Record<string, string>> = { A: "aXbXc", E: "", P: "a/b.tar.gz", S: "x*y" };
const get = (name: string): string | undefined => values[name];

test.each([
  ["$A-${A}", "aXbXc-aXbXc"],
  ["${N}", ""],
  ["${N:-d}${E:-d}${E-d}${N-d}", "ddd"],
  ["${A:+y}${E:+y}${E+z}${N+z}", "yz"],
  ["${N:-${A}}", "aXbXc"],
  ['${N:-"q r"}', "q r"],
  ["${P%.*} ${P%%.*} ${P#*/} ${A##*X}", "a/b.tar a/b b.tar.gz c"],
  ["${A/X/-} ${A//X/-} ${P//\\//_}", "a-bXc a-b-c a_b.tar.gz"],
  ["${S#x\\*}", "y"],
  ["'$A' \"$A\" \\$A", "$A aXbXc $A"],
  ["a$", "a$"],
  ["${A?}", "aXbXc"],
])("expands %s", (word, expected) => {
  expect(expandWord(word, get)).toEqual({ text: expected });
});

test.each([
  ["${A", 'a "${" is never closed by "}"'],
  ["${A:-b", 'a "${" is never closed by "}"'],
  ["${}", '"${" is not followed by the name of a variable'],
  ["${A:#x}", '"${A:#" is not a substitution that builders know'],
  ["${N:?set it}", "N: set it"],
  ["${N?}", "N: it has no value"],
  ["'a", "a quote (') is never closed"],
  ['"a', 'a quote (") is never closed'],
  ["${A#\\x}", '"\\x" is not a pattern'],
])("says what is wrong with %s", (word, problem) => {
  expect(expandWord(word, get)).toEqual({ text: "", problem });
});

test("has the escape character that a directive sets", () => {
  expect(expandWord("`$A\\", get, "`")).toEqual({ text: "$A\\" });
});

test("leaves words without special characters alone", () => {
  assert(
    property(string(), (word) => {
      const plain = word.replaceAll(/[$'"\\]/g, "");
      expect(expandWord(plain, get)).toEqual({ text: plain });
    }),
  );
});
