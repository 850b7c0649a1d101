/** What the wire serves: resources, components and functions in terms of plain property values. */
import type { Failure } from "../failure.ts";
import type { PropertyPath, ValueMap } from "./value.ts";

/** Text for the person who runs pulumi; see "Messages" in the design for who may say what when. */
export interface Reporter {
  /** At most one from a preview's create or update: the plan, or the reason. Shown with the resource. */
  info(text: string): void;
  /** One line. */
  warn(text: string): void;
  /** Short-lived text beside the resource; the wire throttles it, and prints steps where there is no terminal. */
  status(text: string): void;
}

/** What every call about one resource knows. */
export interface CallContext {
  readonly urn: string;
  /** The resource's name, the last part of the URN. */
  readonly name: string;
  readonly project: string;
  readonly stack: string;
  readonly organization: string;
  /** Aborted by Ctrl-C (within a second, children included) and by the resource's custom timeout. */
  readonly signal: AbortSignal;
  readonly report: Reporter;
  readonly config: ProviderConfig;
}

/** The provider's configuration, checked. */
export interface ProviderConfig {
  /** Bytes that the disk cache may hold. */
  readonly cacheSizeBytes: number;
  readonly progress: "auto" | "lines" | "none";
  /** Paths of external programs by their key, for example `qemuImg`. */
  readonly tools: Readonly<Record<string, string>>;
}

export interface CheckFailure {
  readonly path: PropertyPath;
  /** A lower-case fragment without full stop. */
  readonly reason: string;
}

export interface CheckRequest {
  readonly context: CallContext;
  readonly oldInputs?: ValueMap;
  readonly newInputs: ValueMap;
  readonly autonaming?: { readonly proposedName: string; readonly mode: "propose" | "enforce" | "disable" };
}

export interface Change {
  readonly path: PropertyPath;
  readonly kind: "add" | "delete" | "update";
  /** True: old and new are taken from inputs. False: the old one from outputs, the new one from inputs at the same path. */
  readonly inputDiff: boolean;
}

export interface DiffRequest {
  readonly id: string;
  readonly oldInputs: ValueMap;
  readonly oldState: ValueMap;
  readonly newInputs: ValueMap;
  readonly ignoreChanges: readonly string[];
}

export interface EnsureRequest {
  readonly context: CallContext;
  /** True in `pulumi preview`: change nothing but caches, answer unknown for what is not known. */
  readonly preview: boolean;
  readonly inputs: ValueMap;
  /** Absent in a create. */
  readonly old?: { readonly id: string; readonly inputs: ValueMap; readonly state: ValueMap };
}

export interface Ensured {
  readonly id: string;
  readonly state: ValueMap;
  /** Set when the work is half done: state is kept, the run fails with this, and the next run goes on. */
  readonly incomplete?: Failure;
  /** Ask the engine to Read this resource before every later run, so that a preview shows drift. */
  readonly refreshBeforeUpdate?: boolean;
}

export interface ReadRequest {
  readonly context: CallContext;
  readonly id: string;
  /** Both absent in `pulumi import`. */
  readonly inputs?: ValueMap;
  readonly state?: ValueMap;
}

export type ReadAnswer =
  | {
      readonly kind: "present";
      readonly id: string;
      readonly inputs: ValueMap;
      readonly state: ValueMap;
      readonly refreshBeforeUpdate?: boolean;
    }
  | { readonly kind: "gone" };

export interface RemoveRequest {
  readonly context: CallContext;
  readonly id: string;
  readonly inputs: ValueMap;
  readonly state: ValueMap;
}

/** One custom resource. Secrets inside the maps are handled here; the wire only carries them. */
export interface ServedResource {
  readonly token: string;
  check(request: CheckRequest): Promise<{ readonly inputs: ValueMap; readonly failures: readonly CheckFailure[] }>;
  /** Empty: nothing to do. Never a replacement: no resource of this provider is ever replaced. Pure. */
  diff(request: DiffRequest): readonly Change[];
  ensure(request: EnsureRequest): Promise<Ensured>;
  read(request: ReadRequest): Promise<ReadAnswer>;
  remove(request: RemoveRequest): Promise<void>;
}

/** One function (`getImage`), called with checked arguments; unknown arguments never arrive. */
export interface ServedFunction {
  readonly token: string;
  invoke(
    inputs: ValueMap,
    context: { readonly signal: AbortSignal; readonly config: ProviderConfig },
  ): Promise<{ readonly outputs: ValueMap; readonly failures: readonly CheckFailure[] }>;
}

/** One component; `load` imports its constructor (and with it the Pulumi SDK) at the first Construct. */
export interface ServedComponent {
  readonly token: string;
  load(): Promise<ComponentConstructor>;
}

/** Makes the component inside a running Construct; `inputs` may hold Outputs, answers hold Outputs or plain values. */
export type ComponentConstructor = (
  name: string,
  inputs: Record<string, unknown>,
  options: object,
) => {
  readonly resource: object;
  readonly outputs: Readonly<Record<string, unknown>>;
};

/** All that one provider process serves. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** schema.json, as text. */
  readonly schema: () => string;
  readonly resources: readonly ServedResource[];
  readonly functions: readonly ServedFunction[];
  readonly components: readonly ServedComponent[];
  /** Checks raw configuration (all values arrive as strings or JSON texts). */
  configure(raw: ValueMap): { readonly config: ProviderConfig; readonly failures: readonly CheckFailure[] };
}
