/** Outputs on their way into state and out of it: fitted to the spec, secrets covered, marked with the version that wrote them. */
import { Failure } from "../failure.ts";
import { checkFields, readFields } from "./check.ts";
import type { Fields, Outputs } from "./property.ts";
import type { CheckFailure } from "./served.ts";
import { bare, coverMapLike, entryOf, holdsUnknown, isList, isMap } from "./tree.ts";
import { formatPath, Opaque, Secret, Unknown, type Value, type ValueMap } from "./value.ts";

/**
 * The output that says which version of a resource's state this is. The engine hides names with two leading underscores
 * from people and keeps them in state, and no SDK knows of them.
 */
const stateVersionKey = "__stateVersion";

/** Whose state it is, for messages. */
export interface Owner {
  /** `Image "web"` */
  readonly name: string;
  readonly outputs: Outputs;
  readonly stateVersion: number;
}

/** Throws where a newer version of the provider wrote the state: what it means cannot be known here. */
function refuseNewerState(owner: Owner, state: ValueMap): void {
  const version = bare(entryOf(state, stateVersionKey) ?? 1);
  if (typeof version === "number" && version <= owner.stateVersion) return;
  throw new Failure({
    kind: "input",
    code: "newer-state",
    message: `${owner.name} was last changed by a newer bootable provider: its state has version ${JSON.stringify(version)}, and this one reads versions up to ${owner.stateVersion}. Nothing was changed.`,
    fix: "use the version of the provider that changed it last, or a newer one.",
  });
}

/** The state as handlers see it: no secrets, no fields that only other versions know. Missing ones stay missing. */
export function readState(owner: Owner, state: ValueMap): ValueMap {
  refuseNewerState(owner, state);
  return readFields(owner.outputs, state);
}

/** What a handler answered, as it goes into state; `inputs` say by their secrets which outputs of the same name are secret. */
export function encodeState(owner: Owner, answered: object, inputs: ValueMap): ValueMap {
  const values = encodeFields({ name: `${owner.name} answered outputs`, fields: owner.outputs }, answered);
  return { ...coverMapLike(values, inputs), [stateVersionKey]: owner.stateVersion };
}

/** What a handler answered, fitted to the fields; what does not fit is a bug of the handler. */
export function encodeFields(what: { readonly name: string; readonly fields: Fields }, answered: object): ValueMap {
  const { values, problems } = checkFields(what.name, what.fields, toValue(answered) as ValueMap);
  if (problems.length > 0) throw misfit(what.name, problems);
  return values;
}

export function misfit(what: string, problems: readonly CheckFailure[]): Failure {
  return new Failure({
    kind: "bug",
    message: `${what} that do not fit its description.`,
    detail: problems.map(({ path, reason }) => `${formatPath(path)}: ${reason}`).join("\n"),
  });
}

/** Throws where work that is done left something unknown; only previews may. */
export function requireKnown(what: string, values: ValueMap): void {
  const open = Object.keys(values).filter((name) => holdsUnknown(values[name] ?? null));
  if (open.length > 0) throw new Failure({ kind: "bug", message: `${what} that are still unknown: ${open.join(", ")}.` });
}

/** A handler's plain data as a value tree: undefined fields are left out. */
export function toValue(data: unknown): Value {
  if (data === null || typeof data === "string" || typeof data === "number" || typeof data === "boolean") return data;
  if (data instanceof Unknown || data instanceof Secret || data instanceof Opaque) return data;
  if (isList(data as Value)) return (data as readonly unknown[]).map(toValue);
  if (isMap(data as Value) && isPlain(data as object)) {
    const present = Object.entries(data as object).filter(([, item]) => item !== undefined);
    return Object.fromEntries(present.map(([name, item]) => [name, toValue(item)]));
  }
  const name = typeof data === "object" ? data.constructor.name : typeof data;
  throw new Failure({ kind: "bug", message: `A value of type ${name} is no property value.` });
}

function isPlain(data: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(data);
  return prototype === Object.prototype || prototype === null;
}
