/** Joins a function's spec and the code behind it into what the wire serves. */
import { bareMap } from "./tree.ts";
import { checkFields } from "./check.ts";
import type { ArgsOf, Fields } from "./property.ts";
import { typeName } from "./resource.ts";
import type { ProviderConfig, ServedFunction } from "./served.ts";
import { encodeFields, requireKnown } from "./state.ts";
import { coverMapLike } from "./tree.ts";

export interface FunctionSpec<I extends Fields = Fields, O extends Fields = Fields> {
  readonly token: string;
  readonly description: string;
  readonly inputs: I;
  readonly outputs: O;
}

export function functionSpec<const I extends Fields, const O extends Fields>(spec: FunctionSpec<I, O>): FunctionSpec<I, O> {
  return spec;
}

export type Invoke<Args, Result> = (request: {
  readonly args: Args;
  readonly signal: AbortSignal;
  readonly config: ProviderConfig;
}) => Promise<Result>;

export function serveFunction<I extends Fields, O extends Fields>(
  spec: FunctionSpec<I, O>,
  invoke: Invoke<ArgsOf<I>, ArgsOf<O>>,
): ServedFunction {
  return {
    token: spec.token,
    async invoke(inputs, context) {
      const { values, problems } = checkFields(typeName(spec.token), spec.inputs, inputs);
      if (problems.length > 0) return { outputs: {}, failures: problems };
      const answered = await invoke({ args: bareMap(values) as never, ...context });
      const name = `${typeName(spec.token)} answered outputs`;
      const outputs = coverMapLike(encodeFields({ name, fields: spec.outputs }, answered), values);
      requireKnown(name, outputs);
      return { outputs, failures: [] };
    },
  };
}
