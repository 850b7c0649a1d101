/** What a build takes from outside, by its Containerfile: files of the context, and base images. */
import { readGlobals, type BuildInputs, type Reading } from "./build-globals.ts";
import { readStage, type ContextUse, type FromUse, type StageUses } from "./build-stage.ts";
import { Scope } from "./build-variables.ts";
import type { Containerfile, Stage } from "./containerfile.ts";
import type { Instruction } from "./instruction.ts";
import { containerfileFailure, nearest } from "./containerfile-failure.ts";
import { sourceRanges, type Range } from "./containerfile-lines.ts";
import type { Flag } from "./containerfile-words.ts";
import { expandWord } from "./shell-expand.ts";
import { Failure } from "../failure.ts";

/** An external image, and where the Containerfile names it. */
export interface BaseUse {
  /** Variables expanded, as written otherwise. */
  readonly reference: string;
  /** Of the text that names it, in the file. */
  readonly ranges: readonly Range[];
}

export interface BuildPlan {
  readonly context: readonly ContextUse[];
  readonly bases: readonly BaseUse[];
  readonly remarks: readonly string[];
}

/** Stages that the target does not need are not built, so they do not count. */
export function planBuild(containerfile: Containerfile, inputs: BuildInputs): BuildPlan {
  const platforms = inputs.platforms.length === 0 ? [""] : inputs.platforms;
  const plans = platforms.map((platform) => new StageWalk(containerfile, readGlobals(containerfile, inputs, platform)));
  const target = targetStage(containerfile, inputs.target);
  for (const plan of plans) plan.visit(target);
  return {
    context: plans.flatMap((plan) => plan.context),
    bases: plans.flatMap((plan) => plan.bases),
    remarks: [...new Set(plans.flatMap((plan) => plan.remarks))],
  };
}

/** By name, or by number as podman has it; left out: the last. */
function targetStage({ stages, file }: Containerfile, target: string | undefined): Stage {
  const wanted = target?.toLowerCase();
  const found = wanted === undefined ? stages.at(-1) : (stages.findLast((stage) => stage.name === wanted) ?? stages[stageNumber(wanted)]);
  if (found !== undefined) return found;
  const names = stages.flatMap((stage) => stage.name ?? []);
  throw new Failure({
    kind: "input",
    message: `target "${target}" is no stage of ${file}; ${names.length === 0 ? "none of its stages has a name" : `its stages are ${names.join(", ")}`}`,
    fix: targetFix(target ?? "", names),
  });
}

function targetFix(target: string, names: readonly string[]): string {
  const meant = nearest(target, names);
  if (meant !== undefined) return `did you mean "${meant}"?`;
  if (names.length > 0) return "name one of them, or leave target out for the last stage.";
  return `leave target out for the last stage, or give the wanted one a name: FROM ... AS ${target}.`;
}

class StageWalk {
  readonly context: ContextUse[] = [];
  readonly bases: BaseUse[] = [];
  readonly remarks: string[] = [];
  readonly #containerfile: Containerfile;
  readonly #reading: Reading;
  readonly #scopes = new Map<number, Scope>();
  readonly #open = new Set<number>();

  constructor(containerfile: Containerfile, reading: Reading) {
    this.#containerfile = containerfile;
    this.#reading = reading;
  }

  /** Reads a stage and all that it needs, once; answers its variables. */
  visit(stage: Stage): Scope {
    const done = this.#scopes.get(stage.index);
    if (done !== undefined) return done;
    if (this.#open.has(stage.index)) {
      throw containerfileFailure(
        this.#place(stage.from),
        `the stage "${stage.name ?? stage.index}" needs itself, by way of COPY --from or --mount`,
      );
    }
    this.#open.add(stage.index);
    const reference = this.#baseReference(stage);
    const base = this.#containerfile.stages.slice(0, stage.index).findLast(({ name }) => name === reference.toLowerCase());
    const scope = new Scope(base === undefined ? (reference === "scratch" ? "scratch" : "image") : this.visit(base));
    if (base === undefined) this.#addBase(reference, stage.from, stage.from.words[0]);
    const triggers = base?.instructions.flatMap((instruction) => instruction.trigger ?? []) ?? [];
    this.#collect(readStage([...triggers, ...stage.instructions], scope, this.#reading), stage);
    this.#open.delete(stage.index);
    this.#scopes.set(stage.index, scope);
    return scope;
  }

  #baseReference(stage: Stage): string {
    const word = stage.from.words[0]?.text ?? "";
    const { globals, escape } = this.#reading;
    const missing: string[] = [];
    const get = (name: string): string | undefined => {
      if (!globals.has(name)) missing.push(name);
      return globals.get(name);
    };
    const { text, problem } = expandWord(word, get, escape);
    if (problem !== undefined) throw containerfileFailure(this.#place(stage.from), `FROM ${word}: ${problem}`);
    if (text !== "" && (missing.length === 0 || !/[:/@-]$|^[:/@-]|[:/]{2}|:@/.test(text))) return text;
    const name = missing[0] ?? word;
    throw containerfileFailure(
      this.#place(stage.from),
      `FROM ${word} names no image: ${name} has no value`,
      `set it in buildArgs, or give it a default above the first FROM: ARG ${name}=...`,
    );
  }

  #collect(uses: StageUses, stage: Stage): void {
    this.context.push(...uses.context);
    this.remarks.push(...uses.remarks);
    for (const use of uses.from) this.#follow(use, stage);
  }

  #follow({ name, instruction, flag }: FromUse, stage: Stage): void {
    const { stages } = this.#containerfile;
    const named = stages.findLast((other) => other.index !== stage.index && other.name === name.toLowerCase());
    const number = stageNumber(name);
    if (named === undefined && number >= stage.index) {
      throw containerfileFailure(
        this.#place(instruction),
        `from=${name} names no earlier stage; ${stage.index === 0 ? "this is the first" : `they are 0 to ${stage.index - 1}`}`,
      );
    }
    const earlier = named ?? stages[number];
    if (earlier === undefined) this.#addBase(name, instruction, valueRange(instruction, flag));
    else this.visit(earlier);
  }

  #addBase(reference: string, instruction: Instruction, range: Range | undefined): void {
    if (reference === "scratch" || range === undefined) return;
    this.bases.push({ reference, ranges: sourceRanges(instruction.logical, range) });
  }

  #place(instruction: Instruction): { readonly file: string; readonly line: number } {
    return { file: this.#containerfile.file, line: instruction.line };
  }
}

/** -1 when the name is no number. */
function stageNumber(name: string): number {
  return /^[0-9]{1,4}$/.test(name) ? Number(name) : -1;
}

/** Where the value of `--from=` stands, or that of `from=` inside a mount. */
function valueRange(instruction: Instruction, flag: Flag): Range {
  const raw = instruction.logical.text.slice(flag.start, flag.end);
  const key = flag.name === "mount" ? /[=,"']from=/i : /=/;
  const match = key.exec(raw);
  const start = (match?.index ?? 0) + (match?.[0].length ?? 0);
  const length = flag.name === "mount" ? (/^[^,"']*/.exec(raw.slice(start))?.[0].length ?? 0) : raw.length - start;
  return { start: flag.start + start, end: flag.start + start + length };
}
