import { expect, test } from "vitest";
import { describeFailure, Failure } from "../../provider/failure.ts";
import type { BuildInputs } from "../../provider/model/build-globals.ts";
import { planBuild } from "../../provider/model/build-plan.ts";
import { parseContainerfile } from "../../provider/model/containerfile.ts";

const amd64: BuildInputs = { buildArgs: {}, platforms: ["linux/amd64"] };

function plan(text: string, inputs: Partial<BuildInputs> = {}): { uses: string[]; bases: string[]; remarks: readonly string[] } {
  const { context, bases, remarks } = planBuild(parseContainerfile(text), { ...amd64, ...inputs });
  return {
    uses: context.map(({ line, sources }) => `${line} ${sources.map(({ components }) => components.join("/") || ".").join(" ")}`),
    bases: bases.map(({ reference }) => reference),
    remarks,
  };
}

function problem(text: string, inputs: Partial<BuildInputs> = {}): string {
  try {
    plan(text, inputs);
  } catch (thrown) {
    if (thrown instanceof Failure) return describeFailure(thrown);
    throw thrown;
  }
  return "";
}

test.each<[string, string, readonly string[]]>([
  ["files, folders and wildcards", "FROM a\nCOPY b c/ ./d/*.e /x/\nADD f.tar /\n", ["2 b c d/*.e", "3 f.tar"]],
  ["the whole context", "FROM a\nCOPY . /\n", ["2 ."]],
  ["paths that would leave the context", "FROM a\nCOPY ../../b /c ./../d /\n", ["2 b c d"]],
  ["JSON lists", 'FROM a\nCOPY ["b c", "/d"]\n', ["2 b c"]],
  ["nothing for heredocs", "FROM a\nCOPY <<E b /\nx\nE\n", ["2 b"]],
  ["nothing for a heredoc alone", "FROM a\nCOPY <<E /\nx\nE\n", []],
  ["bind mounts", "FROM a\nRUN --mount=type=bind,source=b,target=/b --mount=target=/c true\n", ["2 b", "2 ."]],
  ["a bind mount's source is no pattern", "FROM a\nRUN --mount=src=[b],dst=/b true\n", ["2 \\[b]"]],
  [
    "no secret, ssh, tmpfs or cache",
    "FROM a\nRUN --mount=type=secret,id=s --mount=type=ssh --mount=type=tmpfs,target=/t --mount=type=cache,target=/c true\n",
    [],
  ],
  ["ARG and ENV", "FROM a\nARG B=b\nENV C=${B}c\nCOPY $B ${C:-d} /\n", ["4 b bc"]],
  ["an ARG above FROM once it is declared again", "ARG B=b\nFROM a\nARG B\nCOPY $B /\n", ["4 b"]],
  ["ENV above ARG", "FROM a\nARG B=b\nENV B=c\nCOPY $B /\n", ["4 c"]],
  ["the ENV of the stage it starts from", "FROM a AS x\nENV B=b\nFROM x\nCOPY $B /\n", ["4 b"]],
  ["an unset variable on scratch", "FROM scratch\nCOPY b$C /\n", ["2 b"]],
  ["only stages that the target needs", "FROM a AS x\nCOPY b /\nFROM a AS y\nCOPY c /\nFROM a\nCOPY --from=x /b /\n", ["2 b"]],
  ["stages by number", "FROM a\nCOPY b /\nFROM a\nCOPY --from=0 /b /\n", ["2 b"]],
  ["stages that mounts need", "FROM a AS x\nCOPY b /\nFROM a\nRUN --mount=from=x,target=/x true\n", ["2 b"]],
  ["what a stage's ONBUILD brings to the next", "FROM a AS x\nONBUILD COPY b /\nFROM x\nCOPY c /\n", ["2 b", "4 c"]],
  ["no ONBUILD of its own", "FROM a\nONBUILD COPY b /\n", []],
])("finds %s", (_, text, expected) => {
  expect(plan(text).uses).toEqual(expected);
});

test("takes build arguments and the target", () => {
  const text = "ARG V=1\nFROM r/a:$V AS x\nARG D\nCOPY $D /\nFROM r/b AS y\n";
  expect(plan(text, { target: "X", buildArgs: { V: "2", D: "d" } })).toEqual({ uses: ["4 d"], bases: ["r/a:2"], remarks: [] });
  expect(plan(text, { target: "0" }).bases).toEqual(["r/a:1"]);
  expect(plan(text, { target: "y" })).toEqual({ uses: [], bases: ["r/b"], remarks: [] });
});

test("reads the Containerfile once for each platform", () => {
  const text = "FROM --platform=$BUILDPLATFORM r/a:${TARGETARCH}\nARG TARGETARCH\nCOPY $TARGETARCH /\n";
  expect(plan(text, { platforms: ["linux/amd64", "linux/arm64"] })).toEqual({
    uses: ["3 amd64", "3 arm64"],
    bases: ["r/a:amd64", "r/a:arm64"],
    remarks: [],
  });
});

test("finds images in FROM, COPY --from and mounts, but neither stages nor scratch", () => {
  const text =
    "FROM r/a:1 AS x\nFROM scratch\nCOPY --from=x / /\nCOPY --from=r/b@sha256:12 / /\nRUN --mount=type=bind,from=r/c:2,target=/c true\n";
  expect(plan(text).bases).toEqual(["r/a:1", "r/b@sha256:12", "r/c:2"]);
});

test("says when everything counts, and what is not watched", () => {
  const text =
    "FROM a\nCOPY $B /\nADD https://x.example/y.tar /\nADD --checksum=sha256:12 https://x.example/z.tar /\nADD git@x.example:y.git /\n";
  expect(plan(text)).toEqual({
    uses: ["2 ."],
    bases: ["a"],
    remarks: [
      "Containerfile line 2: what this COPY takes cannot be told, since only the base image or the builder knows B; the whole context counts",
      "Containerfile line 3: what is behind https://x.example/y.tar is not watched; it is pinned when --checksum is given",
      "Containerfile line 5: what is behind git@x.example:y.git is not watched; it is pinned when --checksum is given",
    ],
  });
});

test("takes everything where builders differ: ENV before ARG, and the ARG of the stage it starts from", () => {
  expect(plan("FROM a\nENV B=b\nARG B=c\nCOPY $B /\n").uses).toEqual(["4 ."]);
  expect(plan("FROM a AS x\nARG B=b\nFROM x\nCOPY $B /\n").uses).toEqual(["4 ."]);
});

test.each([
  [
    "ARG BASE\nFROM ${BASE}\n",
    "Containerfile line 2: FROM ${BASE} names no image: BASE has no value\nfix: set it in buildArgs, or give it a default above the first FROM: ARG BASE=...",
  ],
  [
    "FROM r/a:$TAG\n",
    "Containerfile line 1: FROM r/a:$TAG names no image: TAG has no value\nfix: set it in buildArgs, or give it a default above the first FROM: ARG TAG=...",
  ],
  ["FROM ${A:?which}\n", "Containerfile line 1: FROM ${A:?which}: A: which\nfix: correct line 1 of Containerfile."],
  [
    "FROM a\nCOPY --from=3 b c\n",
    "Containerfile line 2: from=3 names no earlier stage; this is the first\nfix: correct line 2 of Containerfile.",
  ],
  [
    "FROM a\nFROM a\nCOPY --from=1 b c\n",
    "Containerfile line 3: from=1 names no earlier stage; they are 0 to 0\nfix: correct line 3 of Containerfile.",
  ],
  [
    "FROM a\nCOPY --from=$X b c\n",
    'Containerfile line 2: from "$X" cannot be told apart: X has no value here\nfix: name a stage: FROM ... AS name, where FROM may use an ARG that stands above it.',
  ],
  [
    "FROM a AS x\nCOPY --from=y b c\nFROM x AS y\n",
    'Containerfile line 3: the stage "y" needs itself, by way of COPY --from or --mount\nfix: correct line 3 of Containerfile.',
  ],
  ["FROM a\nCOPY https://x.example/y /\n", "Containerfile line 2: COPY cannot fetch https://x.example/y\nfix: use ADD, which can."],
  ["FROM a\nCOPY 'b /\n", "Containerfile line 2: a quote (') is never closed\nfix: correct line 2 of Containerfile."],
])("says what is wrong with %j", (text, expected) => {
  expect(problem(text)).toBe(expected);
});

test("says which stages there are when the target is none", () => {
  expect(problem("FROM a AS base\nFROM a AS final\n", { target: "finale" })).toBe(
    'target "finale" is no stage of Containerfile; its stages are base, final\nfix: did you mean "final"?',
  );
  expect(problem("FROM a\n", { target: "web" })).toBe(
    'target "web" is no stage of Containerfile; none of its stages has a name\nfix: leave target out for the last stage, or give the wanted one a name: FROM ... AS web.',
  );
});
