/** Inputs that Check computes: added where the user did not set them. */
import { Failure } from "../failure.ts";
import type { Fields, Input, Inputs } from "./property.ts";
import { encodeFields, toValue } from "./state.ts";
import { entryOf, isMap } from "./tree.ts";
import { Secret, type Value, type ValueMap } from "./value.ts";

/** The checked inputs with the derived ones; an answer that the spec does not allow is a bug of the resource. */
export function addDerived(spec: { readonly token: string; readonly inputs: Inputs }, checked: ValueMap, answered: object): ValueMap {
  const derivable = Object.entries(spec.inputs).filter(([, input]) => input.derived === true);
  const given = toValue(answered) as ValueMap;
  const fields = Object.fromEntries(derivable.filter(([name]) => Object.hasOwn(given, name)));
  const own = Object.fromEntries(Object.entries(given).filter(([name]) => !hasDecidingFields(spec.inputs[name])));
  const values = { ...encodeFields({ name: `${spec.token} derived inputs`, fields }, own), ...withDeciding(spec, checked, given) };
  const missing = derivable.filter(([name, input]) => input.optional !== true && !Object.hasOwn(values, name)).map(([name]) => name);
  if (missing.length === 0) return values;
  throw new Failure({ kind: "bug", message: `${spec.token} did not derive its inputs ${missing.join(", ")}.` });
}

/** The same inputs, with the fields in their shapes that other fields there are decided by. */
function withDeciding(spec: { readonly token: string; readonly inputs: Inputs }, checked: ValueMap, given: ValueMap): ValueMap {
  const entries = Object.entries(checked).map(([name, value]): [string, Value] => {
    const fields = decidingFields(spec.inputs[name]);
    const answered = entryOf(given, name);
    if (!isMap(answered)) return [name, value];
    const present = Object.entries(answered).filter(([field]) => Object.hasOwn(fields, field));
    return [name, addEntries(value, encodeFields({ name: `${spec.token} derived ${name}`, fields }, Object.fromEntries(present)))];
  });
  return Object.fromEntries(entries);
}

function hasDecidingFields(input: Input | undefined): boolean {
  return Object.keys(decidingFields(input)).length > 0;
}

function decidingFields(input: Input | undefined): Fields {
  const fields = input?.type.kind === "object" ? input.type.fields : {};
  const names = new Set(Object.values(fields).map(({ decidedBy }) => decidedBy));
  return Object.fromEntries(Object.entries(fields).filter(([name]) => names.has(name)));
}

/** What the user set stays. */
function addEntries(value: Value, added: ValueMap): Value {
  if (value instanceof Secret) return new Secret(addEntries(value.value, added));
  return isMap(value) ? { ...added, ...value } : value;
}
