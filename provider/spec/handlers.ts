/** What a resource file provides, in terms of the types inferred from its spec. Secrets never show here: values arrive bare. */
import type { Failure } from "../failure.ts";
import type { CallContext, Change, CheckFailure, CheckRequest } from "./served.ts";
import type { Unknown } from "./value.ts";

/** T with any part of it, or all, not known yet. */
export type Checked<T> = Unknown | (T extends readonly (infer Item)[] ? readonly Checked<Item>[] : T extends object ? CheckedFields<T> : T);

/** An object that is itself known; its fields may not be. */
export type CheckedFields<T> = { readonly [K in keyof T]: Checked<Exclude<T[K], undefined>> | Extract<T[K], undefined> };

/** What an earlier run left: its inputs (as they were sent), and the outputs that were stored. */
export interface Previous<Args, State> {
  readonly id: string;
  readonly args: Args;
  readonly state: State;
}

export type Read<Args, State> =
  /** An import answers the arguments that can be recovered. */
  | {
      readonly kind: "present";
      readonly args: Partial<Args>;
      readonly state: State;
      readonly refreshBeforeUpdate?: boolean;
      /** Arguments that may have been secret: an import, which cannot know, answers them as secrets. */
      readonly secret?: readonly (keyof Args & string)[];
    }
  | { readonly kind: "gone" }
  /** State is kept; the reason is shown as a warning. */
  | { readonly kind: "unsure"; readonly reason: Failure };

/** `Given` is `Args` as Check finds them: derived inputs are there only where the user set them. */
export interface Handlers<Args, State, Given = Args> {
  /** Default: the resource's name. It never changes afterwards. */
  id?(context: CallContext, args: Args): string;
  /** Rules across fields, all failures at once, and the derived inputs (unknown where they depend on an unknown). */
  check?(request: {
    readonly args: CheckedFields<Given>;
    readonly old?: CheckedFields<Args>;
    readonly context: CallContext;
    readonly autonaming?: CheckRequest["autonaming"];
  }): Promise<{ readonly derived?: Partial<CheckedFields<Args>>; readonly failures?: readonly CheckFailure[] }>;
  /** Gets the changes derived from the spec, answers the ones that count. Pure: no file, no network, no log. */
  diff?(request: {
    readonly old: CheckedFields<Args>;
    readonly args: CheckedFields<Args>;
    readonly state: State;
    readonly derived: readonly Change[];
  }): readonly Change[];
  /** The outputs as far as they are known before the work; at most one `context.report.info`. */
  preview(request: {
    readonly args: CheckedFields<Args>;
    readonly old?: Previous<CheckedFields<Args>, State>;
    readonly context: CallContext;
  }): Promise<CheckedFields<State>>;
  /** One flow for create and update: observe, reuse what matches, do the rest, read back, answer the full state. */
  ensure(request: {
    readonly args: Args;
    readonly old?: Previous<Args, State>;
    /** Texts among the arguments that arrived as secrets: nothing that a person reads may show them. */
    readonly secretTexts: readonly string[];
    readonly context: CallContext;
  }): Promise<{ readonly state: State; readonly incomplete?: Failure; readonly refreshBeforeUpdate?: boolean }>;
  /** Without `args` and `state` it is an import of `id`. */
  read(request: {
    readonly id: string;
    readonly args?: Args;
    readonly state?: State;
    readonly context: CallContext;
  }): Promise<Read<Args, State>>;
  /** Not found is success. */
  remove(request: { readonly id: string; readonly args: Args; readonly state: State; readonly context: CallContext }): Promise<void>;
}
