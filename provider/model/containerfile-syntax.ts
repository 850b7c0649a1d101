/** What an instruction of a Containerfile must have. Only what every builder refuses is refused here. */
import type { Instruction } from "./instruction.ts";
import { containerfileFailure, nearest, type Place } from "./containerfile-failure.ts";
import { heredocMark } from "./containerfile-heredocs.ts";
import { quotedWords } from "./containerfile-words.ts";

const keywords = [
  ..."ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK".split(" "),
  ..."LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split(" "),
];

/** Of those that builders of today know; an unknown flag is theirs to refuse, unless it is clearly one of these misspelt. */
const flagNames: Readonly<Record<string, readonly string[]>> = {
  FROM: ["platform"],
  ADD: ["chown", "chmod", "link", "checksum", "keep-git-dir", "unpack", "exclude"],
  COPY: ["from", "chown", "chmod", "link", "exclude", "parents"],
  RUN: ["mount", "network", "security", "device"],
  HEALTHCHECK: ["interval", "timeout", "start-period", "start-interval", "retries"],
};

const exactlyOne = new Set(["MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR"]);
const atLeastOne = new Set(["ARG", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "ONBUILD", "SHELL", "VOLUME"]);

/** Undefined when the keyword is one that builders know. */
export function instructionProblem(keyword: string): string | undefined {
  if (keywords.includes(keyword.toUpperCase())) return undefined;
  const meant = nearest(keyword, keywords);
  const hint =
    meant === undefined ? `; use one of ${keywords.filter((name) => name !== "MAINTAINER").join(", ")}` : `; did you mean ${meant}?`;
  return `unknown instruction "${keyword}"${hint}`;
}

export function checkFlags(instruction: Instruction, place: Place): void {
  const known = flagNames[instruction.keyword] ?? [];
  for (const flag of instruction.flags) {
    const meant = known.includes(flag.name) ? undefined : nearest(flag.name, known);
    if (meant !== undefined) {
      throw containerfileFailure(place, `${instruction.keyword} has no flag --${flag.name}; did you mean --${meant}?`);
    }
    const needsValue = known.includes(flag.name) && !["link", "parents", "unpack", "keep-git-dir"].includes(flag.name);
    if (needsValue && flag.value === undefined) {
      throw containerfileFailure(place, `--${flag.name} has no value; write --${flag.name}=...`);
    }
  }
}

export function checkInstruction(instruction: Instruction, place: Place & { readonly escape: string }): void {
  const { keyword, rest, words, json } = instruction;
  if ((exactlyOne.has(keyword) || atLeastOne.has(keyword)) && rest.text === "") {
    throw containerfileFailure(place, `${keyword} has no argument`);
  }
  if (keyword === "SHELL" && (!json || words.length === 0)) {
    throw containerfileFailure(place, `SHELL takes a JSON list, as ["/bin/sh", "-c"]; it has ${rest.text}`);
  }
  if (keyword === "COPY" || keyword === "ADD") checkPaths(instruction, place);
  if (keyword === "ENV" || keyword === "LABEL") checkPairs(instruction, place);
  if (keyword === "ARG" && quotedWords(rest.text, place.escape).some((word) => word.startsWith("="))) {
    throw containerfileFailure(place, `ARG has a value without a name: "${rest.text}"`);
  }
}

function checkPaths({ keyword, rest, words }: Instruction, place: Place): void {
  if (words.length < 2) {
    throw containerfileFailure(place, `${keyword} needs at least one source and a destination; it has "${rest.text}"`);
  }
  if (heredocMark(words.at(-1)?.text ?? "") !== undefined) {
    throw containerfileFailure(place, `${keyword} cannot write to a heredoc; its last word must be a path`);
  }
}

function checkPairs({ keyword, rest }: Instruction, place: Place & { readonly escape: string }): void {
  const pairs = quotedWords(rest.text, place.escape);
  if (pairs[0]?.includes("=") !== true) {
    if (!/[\t\v\f\r ]/.test(rest.text))
      throw containerfileFailure(place, `${keyword} ${rest.text} has no value; write ${keyword} ${rest.text}=value`);
    return;
  }
  const bare = pairs.find((pair) => !pair.includes("=") || pair.startsWith("="));
  if (bare === undefined) return;
  throw containerfileFailure(place, `${keyword} takes name=value pairs, and "${bare}" is none; a value with blanks needs quotes`);
}
