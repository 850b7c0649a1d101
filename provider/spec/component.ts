/** What a component's properties are; its constructor lives in components/. */
import type { Field, Fields, Output } from "./property.ts";

/** `plain`: the component needs the value itself while it runs, so a program cannot pass an Output. */
export type ComponentInput = Field & { readonly plain?: boolean };

export interface ComponentSpec {
  readonly token: string;
  readonly description: string;
  readonly inputs: Readonly<Record<string, ComponentInput>>;
  readonly outputs: Readonly<Record<string, Output>> & Fields;
}

export function componentSpec<const S extends ComponentSpec>(spec: S): S {
  return spec;
}
