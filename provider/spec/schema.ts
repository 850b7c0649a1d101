/** Derives the package schema, which SDKs, YAML programs and documentation are made from, from the specs. Pure. */
import { Failure } from "../failure.ts";
import { checkFields } from "./check.ts";
import type { ComponentInput, ComponentSpec } from "./component.ts";
import type { FunctionSpec } from "./function.ts";
import { isRequired, type Field, type Fields, type Input, type ObjectType, type Type } from "./property.ts";
import type { ResourceSpec } from "./resource.ts";
import { misfit } from "./state.ts";
import { joinWords } from "./words.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = Readonly<Record<string, Json>>;

export interface PackageParts {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Fixed facts about the package: `displayName`, `license`, `keywords`, `language`. */
  readonly about: JsonObject;
  readonly configuration: Fields;
  readonly resources: readonly ResourceSpec[];
  readonly components: readonly ComponentSpec[];
  readonly functions: readonly FunctionSpec[];
}

/** Same specs, same text: all maps are sorted by their keys. */
export function deriveSchema(parts: PackageParts): JsonObject {
  const shapes: Shapes = { packageName: parts.name, met: new Map() };
  const describe: Describe = (fields) => describeFields(fields, shapes);
  const resources = [
    ...parts.resources.map((spec) => [spec.token, resourceOf(spec, describe)] as const),
    ...parts.components.map((spec) => [spec.token, { ...resourceOf(spec, describe), isComponent: true }] as const),
  ];
  const functions = parts.functions.map((spec) => [spec.token, functionOf(spec, describe)] as const);
  const settings = describe(parts.configuration);
  return {
    name: parts.name,
    version: parts.version,
    description: parts.description,
    ...parts.about,
    meta: { moduleFormat: "(.*)" },
    config: { variables: settings },
    provider: { description: `The ${parts.name} provider: settings of this computer, never of what is built.`, inputProperties: settings },
    types: typesOf(shapes),
    resources: sorted(resources),
    functions: sorted(functions),
  };
}

/** The shapes met on the way, by name: each becomes a type of the schema. */
interface Shapes {
  readonly packageName: string;
  readonly met: Map<string, ObjectType>;
}

type Describe = (fields: Fields) => JsonObject;

function describeFields(fields: Fields, shapes: Shapes): JsonObject {
  return sorted(Object.entries(fields).map(([name, field]) => [name, propertyOf(field, shapes)]));
}

function resourceOf(spec: ResourceSpec | ComponentSpec, describe: Describe): JsonObject {
  return {
    description: spec.description,
    properties: describe(spec.outputs),
    required: requiredNames(spec.outputs),
    inputProperties: describe(spec.inputs),
    requiredInputs: requiredNames(spec.inputs),
  };
}

function functionOf(spec: FunctionSpec, describe: Describe): JsonObject {
  return {
    description: spec.description,
    inputs: { properties: describe(spec.inputs), required: requiredNames(spec.inputs) },
    outputs: { properties: describe(spec.outputs), required: requiredNames(spec.outputs) },
  };
}

/** A shape may hold further shapes, which then join the map while it is walked. */
function typesOf(shapes: Shapes): JsonObject {
  const entries: [string, JsonObject][] = [];
  for (const { name, description, fields } of shapes.met.values()) {
    const properties = describeFields(fields, shapes);
    entries.push([tokenOf(name, shapes), { type: "object", description, properties, required: requiredNames(fields) }]);
  }
  return sorted(entries);
}

function tokenOf(name: string, shapes: Shapes): string {
  return `${shapes.packageName}:index:${name}`;
}

function requiredNames(fields: Fields): readonly string[] {
  return Object.keys(fields)
    .filter((name) => isRequired(fields[name] as Field))
    .sort();
}

function propertyOf(field: Field | Input | ComponentInput, shapes: Shapes): JsonObject {
  requireFittingDefault(field);
  const plain = "plain" in field && field.plain ? { plain: true } : {};
  const secret = field.secret === true ? { secret: true } : {};
  return { ...typeOf(field.type, shapes), ...plain, ...secret, description: describeField(field) };
}

function requireFittingDefault({ type, description, default: value }: Field): void {
  if (value === undefined) return;
  const { problems } = checkFields("the spec", { default: { type, description } }, { default: value });
  if (problems.length > 0) throw misfit(`The property "${description}" has values`, problems);
}

function typeOf(type: Type, shapes: Shapes): JsonObject {
  switch (type.kind) {
    case "string":
    case "oneOf":
      return { type: "string" };
    case "integer":
    case "number":
    case "boolean":
      return { type: type.kind };
    case "integerOrString":
      return { oneOf: [{ type: "integer" }, { type: "string" }] };
    case "list":
      return { type: "array", items: typeOf(type.item, shapes) };
    case "map":
      return { type: "object", additionalProperties: typeOf(type.item, shapes) };
    case "object":
      return { $ref: `#/types/${remember(type, shapes)}` };
  }
}

function remember(shape: ObjectType, shapes: Shapes): string {
  const known = shapes.met.get(shape.name);
  if (known !== undefined && known.fields !== shape.fields) {
    throw new Failure({ kind: "bug", message: `Two different shapes are named ${shape.name}.` });
  }
  shapes.met.set(shape.name, shape);
  return tokenOf(shape.name, shapes);
}

/**
 * The description with what the spec says besides. Defaults stand here and not in the schema's own `default`: SDKs would
 * send the default of the day they were made, and accepted values would become types that an SDK has to know.
 */
function describeField(field: Field | Input): string {
  const values = valuesOf(field.type);
  const accepted = values === undefined ? undefined : `Accepted: ${joinWords(values.map(quote), "or")}.`;
  const fallback = showDefault(field);
  const derived = "derived" in field && field.derived ? "Computed when left out." : undefined;
  const refuse = "onChange" in field && field.onChange === "refuse" ? `Cannot be changed; ${field.instead}.` : undefined;
  return [field.description, accepted, fallback, derived, refuse].filter((part) => part !== undefined).join(" ");
}

function valuesOf(type: Type): readonly string[] | undefined {
  if (type.kind === "oneOf") return type.values;
  return type.kind === "list" || type.kind === "map" ? valuesOf(type.item) : undefined;
}

/** Empty lists and maps go without saying. */
function showDefault(field: Field): string | undefined {
  const value = field.default;
  if (value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0)) return undefined;
  return `Default: ${quote(typeof value === "string" ? value : JSON.stringify(value))}.`;
}

function quote(text: string): string {
  return `\`${text}\``;
}

function sorted(entries: readonly (readonly [string, Json])[]): JsonObject {
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
