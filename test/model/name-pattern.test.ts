import { expect, test } from "vitest";
import { compileNamePattern } from "../../provider/model/name-pattern.ts";

test.each<[string, readonly string[], readonly string[]]>([
  ["abc", ["abc"], ["ab", "abcd"]],
  ["*", ["", "a", ".b", "a\nb"], []],
  ["*.c", ["x.c", ".c"], ["x.cc", "xc"]],
  ["a?c", ["abc", "a😀c", "aéc"], ["ac", "abbc"]],
  ["[a-c]x", ["ax", "cx"], ["dx", "-x"]],
  ["[^a-c]x", ["dx"], ["ax"]],
  ["[b-a]x", [], ["ax", "bx"]],
  ["[\\]a]", ["]", "a"], ["\\"]],
  ["\\*a", ["*a"], ["xa", "\\*a"]],
  ["a]", ["a]"], ["a"]],
  ["a.b+(c)", ["a.b+(c)"], ["axb+(c)"]],
])("%s", (pattern, matching, others) => {
  const compiled = compileNamePattern(pattern);
  expect(matching.filter((name) => compiled?.matches(name) !== true)).toEqual([]);
  expect(others.filter((name) => compiled?.matches(name) !== false)).toEqual([]);
});

test.each(["[", "[]a]", "[a", "[a-]", "[-a]", "a\\", "[\\"])("refuses %s as Go does", (pattern) => {
  expect(compileNamePattern(pattern)).toBeUndefined();
});

test("knows a name without wildcards", () => {
  expect(compileNamePattern("a\\*b")?.literal).toBe("a*b");
  expect(compileNamePattern("a*b")?.literal).toBeUndefined();
});
