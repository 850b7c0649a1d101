import { assert, constantFrom, property, uniqueArray } from "fast-check";
import { expect, test } from "vitest";
import type { BuildInputs } from "../../provider/model/build-globals.ts";
import { pinBases } from "../../provider/model/pin-bases.ts";

const a = `sha256:${"a".repeat(64)}`;
const b = `sha256:${"b".repeat(64)}`;
const bases = { "r.example/a:1": a, "r.example:5000/b": b };
const inputs: BuildInputs = { buildArgs: {}, platforms: ["linux/amd64"] };

test.each<[string, string, string, Partial<BuildInputs>?]>([
  ["FROM", "FROM r.example/a:1\n", `FROM r.example/a@${a}\n`],
  ["a registry with a port", "from\tr.example:5000/b  AS x\n", `from\tr.example:5000/b@${b}  AS x\n`],
  ["flags and stage names", "FROM --platform=linux/amd64 r.example/a:1 AS x\r\n", `FROM --platform=linux/amd64 r.example/a@${a} AS x\r\n`],
  ["an ARG", "ARG V=1\nFROM r.example/a:${V}\n", `ARG V=1\nFROM r.example/a@${a}\n`],
  ["a build argument", "ARG BASE\nFROM $BASE\n", `ARG BASE\nFROM r.example/a@${a}\n`, { buildArgs: { BASE: "r.example/a:1" } }],
  ["a continuation", "FROM \\\n  # why\n  r.example/a:1 \\\n  AS x\n", `FROM \\\n  # why\n  r.example/a@${a} \\\n  AS x\n`],
  ["a reference cut in two", "FROM r.exam\\\nple/a:1 AS x\n", `FROM r.example/a@${a}\\\n AS x\n`],
  ["COPY --from", "FROM scratch\nCOPY --link --from=r.example/a:1 /x /\n", `FROM scratch\nCOPY --link --from=r.example/a@${a} /x /\n`],
  ["quotes", 'FROM scratch\nCOPY --from="r.example/a:1" /x /\n', `FROM scratch\nCOPY --from=r.example/a@${a} /x /\n`],
  [
    "mounts",
    "FROM scratch\nRUN --mount=type=bind,from=r.example/a:1,target=/a --mount=from=r.example:5000/b,target=/b true\n",
    `FROM scratch\nRUN --mount=type=bind,from=r.example/a@${a},target=/a --mount=from=r.example:5000/b@${b},target=/b true\n`,
  ],
  [
    "a reference used twice",
    "FROM r.example/a:1 AS x\nFROM r.example/a:1\nCOPY --from=x / /\n",
    `FROM r.example/a@${a} AS x\nFROM r.example/a@${a}\nCOPY --from=x / /\n`,
  ],
  ["a byte order mark", "\ufeffFROM r.example/a:1", `\ufeffFROM r.example/a@${a}`],
  ["one platform's name", "FROM r.example/a:${TARGETOS:+1}\n", `FROM r.example/a@${a}\n`],
])("pins %s", (_, ...[text, expected, more = {}]) => {
  expect(pinBases(text, bases, { ...inputs, ...more })).toBe(expected);
});

test.each([
  ["stages", "FROM scratch AS a\nFROM a\nCOPY --from=a / /\n"],
  ["heredocs", "FROM scratch\nRUN <<EOF\nFROM r.example/a:1\nEOF\n"],
  ["comments", "# FROM r.example/a:1\nFROM scratch\n"],
  ["what has no lock", "FROM r.example/c:1\n"],
  ["stages that are not built", "FROM r.example/a:1 AS unused\nFROM scratch\n"],
])("leaves %s alone", (_, text) => {
  expect(pinBases(text, bases, inputs)).toBe(text);
});

test("leaves a reference alone that differs by platform", () => {
  const text = "FROM r.example/${TARGETARCH}:1\n";
  const locked = { "r.example/amd64:1": a, "r.example/arm64:1": b };
  expect(pinBases(text, locked, { ...inputs, platforms: ["linux/amd64", "linux/arm64"] })).toBe(text);
  expect(pinBases(text, locked, inputs)).toBe(`FROM r.example/amd64@${a}\n`);
});

test("changes no other byte and no second time", () => {
  const lines = constantFrom(
    "RUN echo \\\n  hi",
    "COPY --from=r.example/a:1 a b",
    "# c",
    "RUN <<E\nFROM r.example/a:1\nE",
    "ENV A=1",
    "",
    "\tRUN x\r",
  );
  assert(
    property(uniqueArray(lines), (body) => {
      const text = `FROM r.example/a:1\n${body.join("\n")}\n`;
      const pinned = pinBases(text, bases, inputs);
      expect(
        pinned.replaceAll(`FROM r.example/a@${a}`, "FROM r.example/a:1").replaceAll(`--from=r.example/a@${a}`, "--from=r.example/a:1"),
      ).toBe(text);
      expect(pinBases(pinned, bases, inputs)).toBe(pinned);
    }),
  );
});
