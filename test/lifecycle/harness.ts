/** The engine in small: drives one resource through its life, and keeps its state as the real engine would. */
import type { Failure } from "../../provider/failure.ts";
import type { CallContext, Change, CheckFailure, ServedResource } from "../../provider/spec/served.ts";
import { formatPath, type ValueMap } from "../../provider/spec/value.ts";
import type { Effects } from "../fakes/effects.ts";

interface Stored {
  readonly id: string;
  readonly inputs: ValueMap;
  readonly state: ValueMap;
  /** Half done: the next run updates it though nothing changed, unless a read came between. */
  readonly incomplete: boolean;
  readonly refresh: boolean;
}

/** What a person sees of one run. */
export interface Run {
  /** `booted["kiosk-1"]`, or `create`; empty: nothing to do. */
  readonly changes: readonly string[];
  readonly infos: readonly string[];
  readonly warnings: readonly string[];
  readonly statuses: readonly string[];
  readonly checkFailures: readonly CheckFailure[];
  readonly outputs: ValueMap;
  readonly failure?: Failure;
  /** The provider died on the way. */
  readonly crashed: boolean;
}

export class Lifecycle {
  stored: Stored | undefined;
  readonly #resource: ServedResource;
  readonly #effects: Effects;
  /** Set to another one, it is a rename with an alias. */
  name: string;
  /** The resource option of that name, for whole properties. */
  ignoreChanges: readonly string[] = [];

  constructor(resource: ServedResource, options: { readonly name: string; readonly effects: Effects }) {
    this.#resource = resource;
    this.#effects = options.effects;
    this.name = options.name;
  }

  get urn(): string {
    return `urn:pulumi:dev::shop::${this.#resource.token}::${this.name}`;
  }

  preview(inputs: ValueMap): Promise<Run> {
    return this.#run(inputs, { preview: true });
  }

  up(inputs: ValueMap, signal = new AbortController().signal): Promise<Run> {
    return this.#run(inputs, { preview: false, signal });
  }

  /** `pulumi refresh`. */
  async refresh(): Promise<Run> {
    const told = silence();
    const crashed = await this.#survive(() => this.#read(told));
    return { ...told, changes: [], checkFailures: [], outputs: this.stored?.state ?? {}, crashed };
  }

  /** `pulumi import`: what was found becomes the state. */
  async import(id: string): Promise<Run> {
    const told = silence();
    const answer = await this.#resource.read({ context: this.#context(told), id });
    const { inputs, state } = answer.kind === "gone" ? { inputs: {}, state: {} } : answer;
    this.stored = answer.kind === "gone" ? undefined : { id: this.name, inputs, state, incomplete: false, refresh: false };
    return { ...told, changes: [], checkFailures: [], outputs: state, crashed: false };
  }

  async destroy(): Promise<Run> {
    const told = silence();
    const crashed = await this.#survive(async () => {
      const { stored } = this;
      if (stored === undefined) return;
      await this.#resource.remove({ ...stored, context: this.#context(told) });
      if (!this.#effects.dead) this.stored = undefined;
    });
    return { ...told, changes: ["delete"], checkFailures: [], outputs: {}, crashed };
  }

  async #run(wanted: ValueMap, options: { preview: boolean; signal?: AbortSignal }): Promise<Run> {
    const told = silence();
    const before = this.stored;
    let run: Run = { ...told, changes: [], checkFailures: [], outputs: {}, crashed: false };
    const crashed = await this.#survive(async () => {
      if (this.stored?.refresh === true) await this.#read(told);
      run = await this.#step(wanted, { ...options, told });
    });
    // What a preview read is good for its own diff only.
    if (options.preview) this.stored = before;
    return { ...run, ...told, crashed };
  }

  async #step(wanted: ValueMap, request: { preview: boolean; signal?: AbortSignal; told: Told }): Promise<Run> {
    const { preview, told } = request;
    const context = this.#context(told, request.signal);
    const old = this.stored;
    const base: Run = { ...told, changes: [], checkFailures: [], outputs: old?.state ?? {}, crashed: false };
    const newInputs = { ...wanted, ...this.#ignored(old) };
    const checked = await this.#resource.check({ context, newInputs, ...(old === undefined ? {} : { oldInputs: old.inputs }) });
    if (checked.failures.length > 0) return { ...base, checkFailures: checked.failures };
    const { inputs } = checked;
    const changes = old === undefined ? ["create"] : this.#diff(old, inputs).map((change) => formatPath(change.path));
    if (changes.length === 0 && old?.incomplete !== true) {
      if (!preview && old !== undefined) this.stored = { ...old, inputs };
      return base;
    }
    try {
      const ensured = await this.#resource.ensure({ context, preview, inputs, ...(old === undefined ? {} : { old }) });
      if (!preview) this.#store({ old, inputs, ensured });
      return { ...base, changes, outputs: ensured.state, ...(ensured.incomplete === undefined ? {} : { failure: ensured.incomplete }) };
    } catch (thrown) {
      return { ...base, changes, failure: thrown as Failure };
    }
  }

  #diff(old: Stored, newInputs: ValueMap): readonly Change[] {
    return this.#resource.diff({ id: old.id, oldInputs: old.inputs, oldState: old.state, newInputs, ignoreChanges: this.ignoreChanges });
  }

  /** The engine puts the old values in the place of what is ignored. */
  #ignored(old: Stored | undefined): ValueMap {
    return Object.fromEntries(Object.entries(old?.inputs ?? {}).filter(([name]) => this.ignoreChanges.includes(name)));
  }

  /** After a failed update the engine keeps the old inputs, after a failed create the new ones. */
  #store(request: { old: Stored | undefined; inputs: ValueMap; ensured: Awaited<ReturnType<ServedResource["ensure"]>> }): void {
    if (this.#effects.dead) return;
    const { old, inputs, ensured } = request;
    const incomplete = ensured.incomplete !== undefined;
    const kept = incomplete && old !== undefined ? old.inputs : inputs;
    this.stored = { id: ensured.id, inputs: kept, state: ensured.state, incomplete, refresh: ensured.refreshBeforeUpdate === true };
  }

  /** A read forgets that the last run was half done, as the engine does. */
  async #read(told: Told): Promise<void> {
    const { stored } = this;
    if (stored === undefined) return;
    const answer = await this.#resource.read({ context: this.#context(told), id: stored.id, inputs: stored.inputs, state: stored.state });
    if (this.#effects.dead) return;
    if (answer.kind === "gone") this.stored = undefined;
    else
      this.stored = {
        ...stored,
        inputs: answer.inputs,
        state: answer.state,
        incomplete: false,
        refresh: answer.refreshBeforeUpdate === true,
      };
  }

  #context(told: Told, signal = new AbortController().signal): CallContext {
    return {
      urn: this.urn,
      name: this.name,
      project: "shop",
      stack: "dev",
      organization: "organization",
      signal,
      config: { cacheSizeBytes: 1, progress: "none", tools: {} },
      report: {
        info: (text) => told.infos.push(text),
        warn: (text) => told.warnings.push(text),
        status: (text) => told.statuses.push(text),
      },
    };
  }

  /** True when the provider died; what it would have answered is lost. */
  async #survive(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
    } catch (thrown) {
      if (!this.#effects.dead) throw thrown;
    }
    return this.#effects.dead;
  }
}

interface Told {
  readonly infos: string[];
  readonly warnings: string[];
  readonly statuses: string[];
}

function silence(): Told {
  return { infos: [], warnings: [], statuses: [] };
}

/**
 * Lets `story` happen in a new world for each effect after which the provider may die, until it dies no more.
 * The story itself starts the provider again and checks where that leads.
 */
export async function forEveryCrash(story: (effectsBeforeCrash: number) => Promise<{ readonly crashed: boolean }>): Promise<number> {
  for (let effects = 1; ; effects += 1) {
    const { crashed } = await story(effects);
    if (!crashed) return effects - 1;
  }
}
