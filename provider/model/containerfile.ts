/** A Containerfile read by the builders' own rules: instructions, and the stages that they make. */
import { containerfileFailure, type Place } from "./containerfile-failure.ts";
import { readHeredocs } from "./containerfile-heredocs.ts";
import { LineReader, type LogicalLine } from "./containerfile-lines.ts";
import { checkFlags, checkInstruction, instructionProblem } from "./containerfile-syntax.ts";
import type { Instruction } from "./instruction.ts";
import { readJsonWords, splitLine, splitWords } from "./containerfile-words.ts";

export interface Stage {
  readonly index: number;
  /** In lower case; undefined when FROM gives none. */
  readonly name?: string;
  readonly from: Instruction;
  readonly instructions: readonly Instruction[];
}

export interface Containerfile {
  /** Relative to the context, for messages. */
  readonly file: string;
  readonly escape: string;
  /** ARGs above the first FROM. */
  readonly globalArgs: readonly Instruction[];
  readonly stages: readonly Stage[];
  /** All of them, in order. */
  readonly instructions: readonly Instruction[];
}

/** Throws a Failure with the line for what no builder would read. `file` is the path that messages name. */
export function parseContainerfile(text: string, file = "Containerfile"): Containerfile {
  const reader = new LineReader(text, file);
  const instructions: Instruction[] = [];
  for (let logical = reader.next(); logical !== undefined; logical = reader.next()) {
    instructions.push(readInstruction(logical, reader));
  }
  const firstFrom = instructions.findIndex((instruction) => instruction.keyword === "FROM");
  const early = instructions.slice(0, firstFrom === -1 ? instructions.length : firstFrom);
  const stray = early.find((instruction) => instruction.keyword !== "ARG");
  if (stray !== undefined) {
    throw containerfileFailure({ file, line: stray.line }, `${stray.keyword} stands before the first FROM; only ARG may`);
  }
  if (firstFrom === -1)
    throw containerfileFailure(
      { file, line: 1 },
      "there is no FROM, so there is nothing to build",
      "begin with FROM and the image to build on.",
    );
  const stages = splitStages(instructions.slice(firstFrom), file);
  return { file, escape: reader.escape, globalArgs: early, stages, instructions };
}

function readInstruction(logical: LogicalLine, reader: LineReader): Instruction {
  const instruction = parseInstruction(logical, 0, reader);
  const { keyword, json } = instruction.trigger ?? instruction;
  if (json || !["ADD", "COPY", "RUN"].includes(keyword)) return instruction;
  const heredocs = readHeredocs(logical.text, reader, logical.line);
  return instruction.trigger === undefined
    ? { ...instruction, heredocs }
    : { ...instruction, heredocs, trigger: { ...instruction.trigger, heredocs } };
}

function parseInstruction(logical: LogicalLine, from: number, reader: LineReader): Instruction {
  const place: Place = { file: reader.file, line: logical.line };
  const { keyword, flags, rest } = splitLine(logical.text, from, reader.escape);
  const name = keyword.text.toUpperCase();
  const unknown = instructionProblem(keyword.text);
  if (unknown !== undefined) throw containerfileFailure(place, unknown);
  const list = readJsonWords(rest);
  if (list?.problem !== undefined && jsonKeywords.has(name)) throw containerfileFailure(place, `${name}: ${list.problem}`);
  const json = list !== undefined && jsonKeywords.has(name);
  const words = json ? list.words : splitWords(rest);
  const parsed = { line: logical.line, keyword: name, flags, rest, words, json, heredocs: [], logical };
  checkFlags(parsed, place);
  checkInstruction(parsed, { ...place, escape: reader.escape });
  if (name !== "ONBUILD") return parsed;
  const trigger = parseInstruction(logical, rest.start, reader);
  if (["ONBUILD", "FROM", "MAINTAINER"].includes(trigger.keyword)) {
    throw containerfileFailure(place, `ONBUILD cannot hold back ${trigger.keyword}`);
  }
  return { ...parsed, trigger };
}

const jsonKeywords = new Set(["ADD", "COPY", "RUN", "CMD", "ENTRYPOINT", "SHELL", "VOLUME"]);

function splitStages(instructions: readonly Instruction[], file: string): readonly Stage[] {
  const starts = instructions.flatMap((instruction, index) => (instruction.keyword === "FROM" ? [index] : []));
  return starts.flatMap((start, index) => {
    const from = instructions[start];
    if (from === undefined) return [];
    const name = stageName(from, { file, line: from.line });
    return [{ index, from, instructions: instructions.slice(start + 1, starts[index + 1]), ...(name === undefined ? {} : { name }) }];
  });
}

function stageName(from: Instruction, place: Place): string | undefined {
  const [, as, name] = from.words;
  if (from.words.length === 1) return undefined;
  if (from.words.length !== 3 || as?.text.toLowerCase() !== "as" || name === undefined) {
    throw containerfileFailure(place, `FROM takes an image, or an image AS a name; it has "${from.rest.text}"`);
  }
  const lower = name.text.toLowerCase();
  if (/^[a-z][a-z0-9-_.]*$/.test(lower)) return lower;
  throw containerfileFailure(place, `"${name.text}" cannot name a stage; a letter, then letters, digits, "-", "_" and "." can`);
}
