import { assert, array, constantFrom, property } from "fast-check";
import { expect, test } from "vitest";
import { describeFailure, Failure } from "../../provider/failure.ts";
import { judge, judgePath, mayBringBack, parseIgnoreFile } from "../../provider/model/ignore-file.ts";

const paths = [
  "a",
  "a/b",
  "a/b/c",
  "b",
  "x/a",
  "x/a/b",
  "a.txt",
  "x/a.txt",
  "a.md",
  "docs/a.md",
  "docs/keep.md",
  "docs/sub/keep.md",
  ".git",
  ".git/config",
  "x/.git/config",
  "[x]",
  "a*b",
  "é",
  "node_modules/m/i.js",
  "x/node_modules/m/i.js",
];

/** Ignore file, and which of the paths it hides: what moby's patternmatcher 0.6.1 answered. */
const table: readonly (readonly [string, string])[] = [
  ["a", "a a/b a/b/c"],
  ["/a", "a a/b a/b/c"],
  ["a/", "a a/b a/b/c"],
  ["./a", "a a/b a/b/c"],
  ["a/b", "a/b a/b/c"],
  ["*/a", "x/a x/a/b"],
  ["**/a", "a a/b a/b/c x/a x/a/b"],
  ["a/**", "a/b a/b/c"],
  ["a/*", "a/b a/b/c"],
  [
    "**",
    "a a/b a/b/c b x/a x/a/b a.txt x/a.txt a.md docs/a.md docs/keep.md docs/sub/keep.md .git .git/config x/.git/config [x] a*b é node_modules/m/i.js x/node_modules/m/i.js",
  ],
  [
    "*",
    "a a/b a/b/c b x/a x/a/b a.txt x/a.txt a.md docs/a.md docs/keep.md docs/sub/keep.md .git .git/config x/.git/config [x] a*b é node_modules/m/i.js x/node_modules/m/i.js",
  ],
  ["*.txt", "a.txt"],
  ["**/*.txt", "a.txt x/a.txt"],
  ["a.*", "a.txt a.md"],
  ["?", "a a/b a/b/c b x/a x/a/b x/a.txt x/.git/config é x/node_modules/m/i.js"],
  ["?/?", "a/b a/b/c x/a x/a/b"],
  ["x/**/b", "x/a/b"],
  ["**/b/**", "a/b/c"],
  ["a\n!a/b", "a"],
  ["a/b\n!a", ""],
  ["a\n!a\na", "a a/b a/b/c"],
  [
    "*\n!docs",
    "a a/b a/b/c b x/a x/a/b a.txt x/a.txt a.md .git .git/config x/.git/config [x] a*b é node_modules/m/i.js x/node_modules/m/i.js",
  ],
  [
    "*\n!docs/keep.md",
    "a a/b a/b/c b x/a x/a/b a.txt x/a.txt a.md docs/a.md docs/sub/keep.md .git .git/config x/.git/config [x] a*b é node_modules/m/i.js x/node_modules/m/i.js",
  ],
  [
    "**\n!**/keep.md",
    "a a/b a/b/c b x/a x/a/b a.txt x/a.txt a.md docs/a.md .git .git/config x/.git/config [x] a*b é node_modules/m/i.js x/node_modules/m/i.js",
  ],
  ["docs\n!docs/sub", "docs/a.md docs/keep.md"],
  ["*.md\n!docs/*.md\ndocs/a.md", "a.md docs/a.md"],
  ["# a\na.md", "a.md"],
  [" # a", ""],
  ["#a\n!b\nb", "b"],
  ["!a", ""],
  ["a\n! a", ""],
  [".git", ".git .git/config"],
  ["**/.git", ".git .git/config x/.git/config"],
  ["[.]git", ".git .git/config"],
  ["[a-c]", "a a/b a/b/c b"],
  ["[^a]", "b x/a x/a/b x/a.txt x/.git/config é x/node_modules/m/i.js"],
  ["\\[x]", "[x]"],
  ["[[]x]", "[x]"],
  ["a\\*b", "a*b"],
  ["a[*]b", ""],
  ["é", "é"],
  ["[à-ÿ]", "é"],
  ["a//b", "a/b a/b/c"],
  ["a/../b", "b"],
  ["../a", ""],
  [".", ""],
  ["/", ""],
  ["**/node_modules", "node_modules/m/i.js x/node_modules/m/i.js"],
  ["node_modules", "node_modules/m/i.js"],
  ["x/*\n!x/node_modules", "x/a x/a/b x/a.txt x/.git/config"],
  ["a*b", "a*b"],
  ["a+b", ""],
  ["a.md$", ""],
  ["^a", ""],
  ["\ufeffa", "a a/b a/b/c"],
  ["a  ", "a a/b a/b/c"],
  ["\ta", "a a/b a/b/c"],
  ["a\r\n!a/b\r", "a"],
  ["**b", "a/b a/b/c b x/a/b docs/sub/keep.md a*b"],
  ["a**", "a a/b a/b/c a.txt a.md a*b"],
  [
    "**/**",
    "a a/b a/b/c b x/a x/a/b a.txt x/a.txt a.md docs/a.md docs/keep.md docs/sub/keep.md .git .git/config x/.git/config [x] a*b é node_modules/m/i.js x/node_modules/m/i.js",
  ],
  ["*/**/b", "a/b a/b/c x/a/b"],
  ["docs/**/keep.md", "docs/keep.md docs/sub/keep.md"],
  ["!**/keep.md\ndocs", "docs/a.md docs/keep.md docs/sub/keep.md"],
  [
    "**/\n!b",
    "a a/b a/b/c x/a x/a/b a.txt x/a.txt a.md docs/a.md docs/keep.md docs/sub/keep.md .git .git/config x/.git/config [x] a*b é node_modules/m/i.js x/node_modules/m/i.js",
  ],
];

test.each(table)("%j hides what it hides in the builders", (text, expected) => {
  const rules = parseIgnoreFile(text, ".dockerignore");
  expect(paths.filter((path) => judgePath(rules, path).ignored).join(" ")).toBe(expected);
});

test("names the line that decides", () => {
  const rules = parseIgnoreFile("# first\nwww\n!www/keep\n", ".containerignore");
  expect(judgePath(rules, "www/x").rule).toMatchObject({ line: 2, text: "www" });
  expect(judgePath(rules, "www/keep").rule).toMatchObject({ line: 3, text: "!www/keep" });
  expect(judgePath(rules, "other").rule).toBeUndefined();
});

test.each([
  ["docs\n!docs/keep", "docs", true],
  ["docs\n!docs/keep", "other", false],
  ["*\n!**/keep", "anything", true],
  ["*\n!a*/b", "abc", true],
  ["*\n!a*/b", "bcd", false],
  ["docs", "docs", false],
])("%j: something in %s may come back: %s", (text, ...[folder, expected]) => {
  expect(mayBringBack(parseIgnoreFile(text, ".dockerignore"), folder)).toBe(expected);
});

test.each([
  ["a\n[", "["],
  ["b\n[]a]", "[]a]"],
  ["c\na\\", "a\\"],
  ["d\n!", "!"],
])("refuses what builders refuse: %j", (text, shown) => {
  let failure: unknown;
  try {
    parseIgnoreFile(text, "os/Containerfile.containerignore");
  } catch (thrown) {
    failure = thrown;
  }
  expect(failure instanceof Failure && describeFailure(failure)).toBe(
    `os/Containerfile.containerignore line 2: "${shown}" is not a pattern that builders accept\n` +
      String.raw`fix: close each "[" by "]", and write \ in front of a character that means itself.`,
  );
});

const pattern = array(constantFrom("a", "b", "*", "**", "/", "?", "[ab]", "."), { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join(""))
  .filter((text) => /[^./]/.test(text) && !text.includes(".."));
const line = array(pattern, { minLength: 1, maxLength: 4 }).chain((patterns) =>
  constantFrom(patterns.join("\n"), patterns.map((one, index) => (index % 2 === 1 ? `!${one}` : one)).join("\n")),
);
const path = array(constantFrom("a", "b", "ab"), { minLength: 2, maxLength: 4 });

test("a walk from folder to folder finds the same as a look at the whole path, and skips nothing that comes back", () => {
  assert(
    property(line, path, (text, names) => {
      const rules = parseIgnoreFile(text, ".dockerignore");
      const folder = names.slice(0, -1).join("/");
      const whole = judgePath(rules, names.join("/"));
      const above = judgePath(rules, folder);
      expect(judge(rules, names.join("/"), above.matches)).toEqual(whole);
      expect(whole.ignored || !above.ignored || mayBringBack(rules, folder)).toBe(true);
    }),
    { numRuns: 3000 },
  );
});
