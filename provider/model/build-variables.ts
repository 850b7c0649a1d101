/** The variables that a build stage knows while it is read: ENV and ARG, and what only the base image could tell. */
import { argPairs, envPairs, givenArg, type Reading } from "./build-globals.ts";
import type { Instruction } from "./instruction.ts";
import { containerfileFailure, type Place } from "./containerfile-failure.ts";
import { expandWord } from "./shell-expand.ts";

export interface Expanded {
  readonly text: string;
  /** Variables without which the text cannot be told. */
  readonly unknown: readonly string[];
}

export class Scope {
  readonly #values = new Map<string, string>();
  /** Set, but builders differ in what to. */
  readonly #doubtful = new Set<string>();
  readonly #fromEnv = new Set<string>();
  /** False while an image that we do not look into may have set more. */
  readonly #complete: boolean;

  /** A stage that starts from another has its ENV. Its ARGs too in docker, not in podman: those are in doubt. */
  constructor(base: Scope | "scratch" | "image") {
    this.#complete = base === "scratch" || (base instanceof Scope && base.#complete);
    if (!(base instanceof Scope)) return;
    for (const [name, value] of base.#values) this.#values.set(name, value);
    for (const name of base.#fromEnv) this.#fromEnv.add(name);
    for (const name of base.#doubtful) this.#doubtful.add(name);
    for (const name of base.#values.keys()) if (!base.#fromEnv.has(name)) this.#doubtful.add(name);
  }

  expand(word: string, reading: Reading, place: Place): Expanded {
    const unknown = new Set<string>();
    const { text, problem } = expandWord(word, (name) => this.#get(name, unknown), reading.escape);
    if (problem !== undefined && unknown.size === 0) throw containerfileFailure(place, problem);
    return { text, unknown: [...unknown] };
  }

  /** Takes note of an ENV or ARG; others set nothing. */
  apply(instruction: Instruction, reading: Reading): void {
    const place = { file: reading.file, line: instruction.line };
    if (instruction.keyword === "ENV") {
      for (const [name, raw] of envPairs(instruction, reading.escape)) this.#set(name, this.expand(raw, reading, place));
    } else if (instruction.keyword === "ARG") {
      for (const [name, raw] of argPairs(instruction, reading.escape)) this.#setArg(name, raw, { reading, place });
    }
  }

  #setArg(name: string, raw: string | undefined, at: { readonly reading: Reading; readonly place: Place }): void {
    const given = givenArg(at.reading.buildArgs, name);
    const value = given ?? (raw === undefined ? at.reading.globals.get(name) : this.expand(raw, at.reading, at.place));
    if (value === undefined) return;
    const { text, unknown } = typeof value === "string" ? { text: value, unknown: [] } : value;
    const differs = this.#fromEnv.has(name) && this.#values.get(name) !== text;
    if (differs || unknown.length > 0) this.#doubtful.add(name);
    else if (!this.#fromEnv.has(name)) {
      this.#doubtful.delete(name);
      this.#values.set(name, text);
    }
  }

  #set(name: string, { text, unknown }: Expanded): void {
    this.#fromEnv.add(name);
    this.#values.set(name, text);
    if (unknown.length > 0) this.#doubtful.add(name);
    else this.#doubtful.delete(name);
  }

  #get(name: string, unknown: Set<string>): string | undefined {
    const value = this.#values.get(name);
    if (this.#doubtful.has(name) || (value === undefined && !this.#complete)) unknown.add(name);
    return value;
  }
}
