/** Inputs that Check computes: added where the user did not set them. */
import { Failure } from "../failure.ts";
import type { Inputs } from "./property.ts";
import { encodeFields, toValue } from "./state.ts";
import type { ValueMap } from "./value.ts";

/** The checked inputs with the derived ones; an answer that the spec does not allow is a bug of the resource. */
export function addDerived(spec: { readonly token: string; readonly inputs: Inputs }, checked: ValueMap, answered: object): ValueMap {
  const derivable = Object.entries(spec.inputs).filter(([, input]) => input.derived === true);
  const given = toValue(answered) as ValueMap;
  const fields = Object.fromEntries(derivable.filter(([name]) => Object.hasOwn(given, name)));
  const values = { ...encodeFields({ name: `${spec.token} derived inputs`, fields }, given), ...checked };
  const missing = derivable.filter(([name, input]) => input.optional !== true && !Object.hasOwn(values, name)).map(([name]) => name);
  if (missing.length === 0) return values;
  throw new Failure({ kind: "bug", message: `${spec.token} did not derive its inputs ${missing.join(", ")}.` });
}
