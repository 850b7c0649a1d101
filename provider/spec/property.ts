/** The language in which a resource states its properties once: types, fields, and the TypeScript types inferred from them. */
import type { Value } from "./value.ts";

/** Undefined when the value is fine, else words that follow it in a message: `is no size; write a number and a unit, such as 10GiB`. */
export type Rule<T> = (value: T) => string | undefined;

export interface StringType {
  readonly kind: "string";
  readonly rule?: Rule<string>;
}

export interface NumberType {
  readonly kind: "number" | "integer";
  readonly rule?: Rule<number>;
}

export interface BooleanType {
  readonly kind: "boolean";
}

/** A count, or a text such as "20%". */
export interface IntegerOrStringType {
  readonly kind: "integerOrString";
  readonly rule?: Rule<number | string>;
}

export interface OneOfType<V extends string = string> {
  readonly kind: "oneOf";
  readonly values: readonly V[];
}

export interface ListType<Item extends Type = Type> {
  readonly kind: "list";
  readonly item: Item;
}

export interface MapType<Item extends Type = Type> {
  readonly kind: "map";
  readonly item: Item;
  readonly keyRule?: Rule<string>;
}

/** A shape with a name of its own; becomes the schema type `bootable:index:<name>`. */
export interface ObjectType<F extends Fields = Fields> {
  readonly kind: "object";
  readonly name: string;
  readonly description: string;
  readonly fields: F;
  /** Optional fields of which exactly one must be given. */
  readonly exactlyOne?: readonly (keyof F & string)[];
}

export type Type = StringType | NumberType | BooleanType | IntegerOrStringType | OneOfType | ListType | MapType | ObjectType;

/** One named property of a shape. Without `optional` and `default` it must be given. */
export interface Field {
  readonly type: Type;
  /** Sentences for the user; the schema adds accepted values, the default and what a change does. */
  readonly description: string;
  readonly optional?: boolean;
  /** Filled in by Check; makes the property present for handlers. */
  readonly default?: Value;
  /** Always encrypted in state, and never shown in a message. */
  readonly secret?: boolean;
  /**
   * In a shape that is an input: the field beside this one that Check computes from it where the user did not set it. That
   * one says whether something changed; this one, such as a path, may differ from computer to computer.
   */
  readonly decidedBy?: string;
}

export type Fields = Readonly<Record<string, Field>>;

/** What a changed value does. Left out it is an update, so that forgetting one costs an update and never a missed change. */
type OnChange =
  | { readonly onChange?: "update" | "ignore"; readonly instead?: never }
  /** A check failure; `instead` says what to do, as a fragment: `make a second Image under another name`. */
  | { readonly onChange: "refuse"; readonly instead: string };

/** An input of a resource. `derived`: Check computes it where the user did not set it. */
export type Input = Field & OnChange & { readonly derived?: boolean };
export type Inputs = Readonly<Record<string, Input>>;

/** An output of a resource; only `optional` ones may be missing from a state that a handler answers. */
export type Output = Field & { readonly default?: never };
export type Outputs = Readonly<Record<string, Output>>;

export function string(rule?: Rule<string>): StringType {
  return rule === undefined ? { kind: "string" } : { kind: "string", rule };
}

export function integer(rule?: Rule<number>): NumberType {
  return rule === undefined ? { kind: "integer" } : { kind: "integer", rule };
}

export function number(rule?: Rule<number>): NumberType {
  return rule === undefined ? { kind: "number" } : { kind: "number", rule };
}

export function boolean(): BooleanType {
  return { kind: "boolean" };
}

export function integerOrString(rule: Rule<number | string>): IntegerOrStringType {
  return { kind: "integerOrString", rule };
}

export function oneOf<const V extends string>(values: readonly V[]): OneOfType<V> {
  return { kind: "oneOf", values };
}

export function list<Item extends Type>(item: Item): ListType<Item> {
  return { kind: "list", item };
}

export function map<Item extends Type>(item: Item, keyRule?: Rule<string>): MapType<Item> {
  return keyRule === undefined ? { kind: "map", item } : { kind: "map", item, keyRule };
}

export function object<const F extends Fields>(name: string, description: string, fields: F): ObjectType<F> {
  return { kind: "object", name, description, fields };
}

/** The same shape, in which exactly one of the named fields must be given. */
export function exactlyOneOf<F extends Fields>(names: readonly (keyof F & string)[], shape: ObjectType<F>): ObjectType<F> {
  return { ...shape, exactlyOne: names };
}

/** The TypeScript type of a value that passed Check. */
export type ValueOf<T extends Type> = T extends StringType
  ? string
  : T extends NumberType
    ? number
    : T extends BooleanType
      ? boolean
      : T extends IntegerOrStringType
        ? number | string
        : T extends OneOfType<infer V>
          ? V
          : T extends ListType<infer Item>
            ? readonly ValueOf<Item>[]
            : T extends MapType<infer Item>
              ? Readonly<Record<string, ValueOf<Item>>>
              : T extends ObjectType<infer F>
                ? ArgsOf<F>
                : never;

/** Present: required or with a default. */
type Absent = { readonly optional: true; readonly default?: undefined };
type Underived = Absent | { readonly derived: true };

type Shape<F extends Fields, MayMiss> = {
  readonly [K in keyof F as F[K] extends MayMiss ? never : K]: ValueOf<F[K]["type"]>;
} & { readonly [K in keyof F as F[K] extends MayMiss ? K : never]?: ValueOf<F[K]["type"]> };

type Flat<T> = { readonly [K in keyof T]: T[K] };

/** What handlers get once Check is done: defaults and derived inputs are there. */
export type ArgsOf<F extends Fields> = Flat<Shape<F, Absent>>;

/** What a handler's check gets: derived inputs only where the user set them. */
export type GivenOf<F extends Fields> = Flat<Shape<F, Underived>>;

/** The full state that `ensure` answers. */
export type StateOf<F extends Fields> = ArgsOf<F>;

/** Whether Check has to complain when the field is missing. */
export function isRequired(field: Field | Input): boolean {
  const derived = "derived" in field && field.derived;
  return field.optional !== true && field.default === undefined && !derived;
}
