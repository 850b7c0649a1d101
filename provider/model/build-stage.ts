/** One build stage, read in order: what it takes from the context, from other stages and from images. */
import type { Reading } from "./build-globals.ts";
import type { Scope } from "./build-variables.ts";
import type { Instruction } from "./instruction.ts";
import { containerfileFailure, type Place } from "./containerfile-failure.ts";
import { heredocMark } from "./containerfile-heredocs.ts";
import type { Flag } from "./containerfile-words.ts";
import { readMounts, type Mount } from "./run-mounts.ts";

/** What an instruction takes from the context. */
export interface ContextUse {
  readonly line: number;
  /** The instruction as the user wrote it, shortened, for messages. */
  readonly text: string;
  /** Relative to the context, each a name with Go's wildcards; the empty list: all of the context. */
  readonly sources: readonly ContextSource[];
  /** `--exclude` patterns. */
  readonly excludes: readonly string[];
}

export interface ContextSource {
  /** As written, variables expanded. */
  readonly text: string;
  /** Path components; none for the context itself. */
  readonly components: readonly string[];
}

/** Another stage or an image that an instruction takes files from. `inFlag`: where it is named, if not in FROM. */
export interface FromUse {
  readonly name: string;
  readonly instruction: Instruction;
  readonly flag: Flag;
}

export interface StageUses {
  readonly context: readonly ContextUse[];
  readonly from: readonly FromUse[];
  readonly remarks: readonly string[];
}

interface Collected {
  readonly context: ContextUse[];
  readonly from: FromUse[];
  readonly remarks: string[];
}

/** Reads on with `scope`, which holds the stage's variables at its end. */
export function readStage(instructions: readonly Instruction[], scope: Scope, reading: Reading): StageUses {
  const collected: Collected = { context: [], from: [], remarks: [] };
  for (const instruction of instructions) {
    scope.apply(instruction, reading);
    if (instruction.keyword === "COPY") readCopy(instruction, { scope, reading, collected });
    else if (instruction.keyword === "ADD") readAdd(instruction, { scope, reading, collected });
    else if (instruction.keyword === "RUN") readRun(instruction, { scope, reading, collected });
  }
  return collected;
}

interface At {
  readonly scope: Scope;
  readonly reading: Reading;
  readonly collected: Collected;
}

function readCopy(instruction: Instruction, at: At): void {
  const flag = instruction.flags.find(({ name, value }) => name === "from" && value !== undefined && value !== "");
  if (flag !== undefined) at.collected.from.push(fromUse(instruction, { flag, name: flag.value ?? "" }, at));
  else readSources(instruction, localWords(instruction), at);
}

function readAdd(instruction: Instruction, at: At): void {
  const words = localWords(instruction);
  const remote = words.filter((word) => isRemote(word));
  const pinned = instruction.flags.some((flag) => flag.name === "checksum");
  for (const url of pinned ? [] : remote) {
    at.collected.remarks.push(
      `${at.reading.file} line ${instruction.line}: what is behind ${url} is not watched; it is pinned when --checksum is given`,
    );
  }
  readSources(
    instruction,
    words.filter((word) => !isRemote(word)),
    at,
  );
}

function localWords(instruction: Instruction): readonly string[] {
  const words = instruction.words.slice(0, -1).map((word) => word.text);
  return words.filter((word) => instruction.json || heredocMark(word) === undefined);
}

function isRemote(word: string): boolean {
  return /^(?:https?|git|ssh):\/\/|^[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:/.test(word);
}

function readSources(instruction: Instruction, words: readonly string[], at: At): void {
  if (words.length === 0) return;
  const place = { file: at.reading.file, line: instruction.line };
  if (instruction.keyword === "COPY" && words.some((word) => isRemote(word))) {
    throw containerfileFailure(place, `COPY cannot fetch ${words.find((word) => isRemote(word)) ?? ""}`, "use ADD, which can.");
  }
  const expanded = words.map((word) => at.scope.expand(word, at.reading, place));
  const unknown = expanded.find((word) => word.unknown.length > 0)?.unknown[0];
  if (unknown !== undefined) {
    addWhole(instruction, unknown, at);
    return;
  }
  const excludes = instruction.flags.flatMap((flag) => (flag.name === "exclude" && flag.value !== undefined ? [flag.value] : []));
  const known = excludes.every((pattern) => !pattern.includes("$"));
  const sources = expanded.map(({ text }) => ({ text, components: contextComponents(text) }));
  at.collected.context.push({ line: instruction.line, text: shorten(instruction), sources, excludes: known ? excludes : [] });
}

/** When it cannot be told what is taken, everything is. */
function addWhole(instruction: Instruction, unknown: string, at: At): void {
  at.collected.context.push({ line: instruction.line, text: shorten(instruction), sources: [wholeContext], excludes: [] });
  at.collected.remarks.push(
    `${at.reading.file} line ${instruction.line}: what this ${instruction.keyword} takes cannot be told, since only the base image or the builder knows ${unknown}; the whole context counts`,
  );
}

const wholeContext: ContextSource = { text: ".", components: [] };

function readRun(instruction: Instruction, at: At): void {
  for (const mount of readMounts(instruction.flags)) readMount(instruction, mount, at);
}

function readMount(instruction: Instruction, mount: Mount, at: At): void {
  const place = { file: at.reading.file, line: instruction.line };
  const type = at.scope.expand(mount.type, at.reading, place);
  if (["secret", "ssh", "tmpfs"].includes(type.text.toLowerCase())) return;
  if (mount.from !== undefined) {
    at.collected.from.push(fromUse(instruction, { flag: mount.flag, name: mount.from }, at));
    return;
  }
  if (type.text.toLowerCase() === "cache") return;
  const source = at.scope.expand(mount.source ?? ".", at.reading, place);
  const unknown = [...type.unknown, ...source.unknown][0];
  if (unknown !== undefined) {
    addWhole(instruction, unknown, at);
    return;
  }
  const components = contextComponents(source.text).map((name) => name.replace(/[\\*?[]/g, "\\$&"));
  at.collected.context.push({
    line: instruction.line,
    text: shorten(instruction),
    sources: [{ text: source.text, components }],
    excludes: [],
  });
}

function fromUse(instruction: Instruction, named: { readonly flag: Flag; readonly name: string }, at: At): FromUse {
  const place: Place = { file: at.reading.file, line: instruction.line };
  const { text, unknown } = at.scope.expand(named.name, at.reading, place);
  if (unknown.length > 0 || text === "") {
    throw containerfileFailure(
      place,
      `from "${named.name}" cannot be told apart: ${unknown[0] ?? "the variable"} has no value here`,
      `name a stage: FROM ... AS name, where FROM may use an ARG that stands above it.`,
    );
  }
  return { name: text, instruction, flag: named.flag };
}

/** Builders put the context's root in front, so `..` stops there. */
function contextComponents(path: string): readonly string[] {
  const components: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") components.pop();
    else if (name !== "" && name !== ".") components.push(name);
  }
  return components;
}

/** `COPY www/ ...`: enough to find it. */
function shorten(instruction: Instruction): string {
  if (instruction.keyword === "RUN") return "RUN --mount";
  const [first] = localWords(instruction);
  return `${instruction.keyword} ${first ?? ""} ...`;
}
