import { array, assert, constantFrom, property } from "fast-check";
import { expect, test } from "vitest";
import { parseContainerfile } from "../../provider/model/containerfile.ts";
import { hashInstructions } from "../../provider/model/instruction-hash.ts";
import { describeSourceChanges, type SourceView } from "../../provider/model/source-changes.ts";

function view(containerfile: string, sources: Readonly<Record<string, string>> = {}): SourceView {
  return { sources: { ...sources, Containerfile: containerfile }, instructions: hashInstructions(parseContainerfile(containerfile)) };
}

const from = "FROM r/a\n";

test.each<[string, SourceView, SourceView, readonly string[]]>([
  ["nothing", view(from, { a: "1" }), view(from, { a: "1" }), []],
  ["a file", view(from, { a: "1", b: "1" }), view(from, { a: "2", b: "1" }), ["a changed"]],
  ["files that came and went", view(from, { a: "1", b: "1" }), view(from, { a: "2", c: "1" }), ["a changed", "b removed", "c added"]],
  [
    "many files",
    view(from, { a: "1", b: "1", c: "1", d: "1", e: "1" }),
    view(from, { a: "2", b: "2", c: "2", d: "2", e: "2" }),
    ["a, b, c and 2 more changed"],
  ],
  [
    "many of all kinds",
    view(from, { a: "1", b: "1", c: "1" }),
    view(from, { a: "2", d: "1", e: "1" }),
    ["a changed", "b, c removed", "2 more sources differ"],
  ],
  ["an instruction", view(`${from}RUN a\nRUN b\n`), view(`${from}\nRUN c\nRUN b\n`), ["Containerfile line 3 (RUN) changed"]],
  ["a new instruction", view(`${from}RUN a\n`), view(`${from}COPY x /\nRUN a\n`), ["Containerfile line 2 (COPY) added"]],
  ["an instruction that went", view(`${from}USER x\nRUN a\n`), view(`${from}RUN a\n`), ["Containerfile's former line 2 (USER) removed"]],
  [
    "one replaced by another kind",
    view(`${from}USER x\nRUN a\n`),
    view(`${from}WORKDIR /x\nRUN a\n`),
    ["Containerfile line 2 (WORKDIR) added", "Containerfile's former line 2 (USER) removed"],
  ],
  ["a heredoc", view(`${from}RUN <<E\na\nE\n`), view(`${from}RUN <<E\nb\nE\n`), ["Containerfile line 2 (RUN) changed"]],
  [
    "an instruction and a file",
    view(`${from}RUN a\n`, { x: "1" }),
    view(`${from}RUN b\n`, { x: "2" }),
    ["Containerfile line 2 (RUN), x changed"],
  ],
  ["comments", view(`${from}RUN a\n`), view(`# why\n${from}RUN \\\n  a\n`.replace("\\\n  ", "")), ["comments in Containerfile changed"]],
  [
    "a Containerfile whose instructions nobody noted",
    { ...view(`${from}RUN a\n`), instructions: [] },
    view(`${from}RUN b\n`),
    ["Containerfile changed"],
  ],
])("tells %s", (_, ...[before, after, expected]) => {
  expect(describeSourceChanges(before, after, "Containerfile")).toEqual(expected);
});

test("tells something exactly when something changed, and never more than three names", () => {
  const body = array(constantFrom("RUN a", "RUN b", "COPY x /", "USER u"), { maxLength: 8 }).map((lines) => `${from}${lines.join("\n")}\n`);
  assert(
    property(body, body, (before, after) => {
      const texts = describeSourceChanges(view(before), view(after), "Containerfile");
      expect(texts.length === 0).toBe(before === after);
      expect(texts.join(", ").split("line ").length - 1).toBeLessThanOrEqual(3);
    }),
  );
});
