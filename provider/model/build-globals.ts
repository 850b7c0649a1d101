/** The variables of FROM lines: ARGs above the first FROM, and the platform arguments that builders set by themselves. */
import type { Containerfile } from "./containerfile.ts";
import type { Instruction } from "./instruction.ts";
import { containerfileFailure } from "./containerfile-failure.ts";
import { quotedWords } from "./containerfile-words.ts";
import { formatPlatform, parsePlatform, platformOf, type Platform } from "./platform.ts";
import { expandWord } from "./shell-expand.ts";

/** What a build is asked for, beside the files. */
export interface BuildInputs {
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly platforms: readonly string[];
}

/** A Containerfile read for one platform. */
export interface Reading {
  readonly file: string;
  readonly escape: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly globals: ReadonlyMap<string, string>;
}

export function readGlobals(containerfile: Containerfile, inputs: BuildInputs, platform: string): Reading {
  const { file, escape } = containerfile;
  const globals = new Map([...platformArgs("BUILD", platformOf(process.arch)), ...platformArgs("TARGET", parsePlatform(platform))]);
  for (const name of globals.keys()) globals.set(name, givenArg(inputs.buildArgs, name) ?? globals.get(name) ?? "");
  for (const instruction of containerfile.globalArgs) {
    for (const [name, raw] of argPairs(instruction, escape)) {
      const { text, problem } = argValue(raw, givenArg(inputs.buildArgs, name), { globals, escape });
      if (problem !== undefined) throw containerfileFailure({ file, line: instruction.line }, problem);
      if (text !== undefined) globals.set(name, text);
    }
  }
  return { file, escape, buildArgs: inputs.buildArgs, globals };
}

/** The value of a build argument that the user gives, names like `constructor` included. */
export function givenArg(buildArgs: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(buildArgs, name) ? buildArgs[name] : undefined;
}

/** Name and default of each argument that an ARG declares; quotes are still there. */
export function argPairs(instruction: Instruction, escape: string): readonly (readonly [string, string | undefined])[] {
  return quotedWords(instruction.rest.text, escape).map((word) => {
    const equals = word.indexOf("=");
    return equals === -1 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
  });
}

/** `ENV name=value …`, and the old `ENV name value`. */
export function envPairs(instruction: Instruction, escape: string): readonly (readonly [string, string])[] {
  const words = quotedWords(instruction.rest.text, escape);
  const [, name = "", value = ""] = /^([^\t\v\f\r ]*)[\t\v\f\r ]+(.*)$/s.exec(instruction.rest.text) ?? [];
  if (words[0]?.includes("=") !== true) return [[name, value]];
  return words.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]);
}

interface Known {
  readonly globals: ReadonlyMap<string, string>;
  readonly escape: string;
}

function argValue(raw: string | undefined, given: string | undefined, known: Known): { readonly text?: string; readonly problem?: string } {
  if (given !== undefined) return { text: given };
  return raw === undefined ? {} : expandWord(raw, (name) => known.globals.get(name), known.escape);
}

function platformArgs(prefix: string, platform: Platform | undefined): readonly (readonly [string, string])[] {
  if (platform === undefined) return [];
  return [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ""],
  ];
}
