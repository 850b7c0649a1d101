/** Checks a tree of values against a spec: every problem at once, defaults filled in, secrets left where they are. */
import { isRequired, type Field, type Fields, type ListType, type MapType, type ObjectType, type Type } from "./property.ts";
import type { CheckFailure } from "./served.ts";
import { bare, entryOf, isAbsent, isList, isMap } from "./tree.ts";
import { Secret, unknown, Unknown, type PropertyPath, type Value, type ValueMap } from "./value.ts";
import { joinWords, mismatch, nearest, showValue, subject } from "./words.ts";

/** Where the walk is, and where it writes what it finds. */
interface Place {
  readonly path: PropertyPath;
  /** Inside a secret: no message shows the value. */
  readonly hidden: boolean;
  readonly problems: CheckFailure[];
}

export interface CheckedTree {
  /** The given values with defaults; what has a problem is unknown, so that rules across fields stay silent about it. */
  readonly values: ValueMap;
  readonly problems: readonly CheckFailure[];
}

/** `owner` is the name that messages give to the whole: `Image`. */
export function checkFields(owner: string, fields: Fields, given: ValueMap): CheckedTree {
  const problems: CheckFailure[] = [];
  const values = walkFields({ name: owner, fields }, given, { path: [], hidden: false, problems });
  return { values, problems };
}

function inside(place: Place, key: string | number): Place {
  return { path: [...place.path, key], hidden: place.hidden, problems: place.problems };
}

/** Notes the problem; the value goes on as unknown. */
function refuse(place: Place, reason: string): Unknown {
  place.problems.push({ path: place.path, reason });
  return unknown;
}

function walk(type: Type, value: Value, place: Place): Value {
  if (value instanceof Unknown) return value;
  if (value instanceof Secret) return new Secret(walk(type, value.value, { ...place, hidden: true }));
  if (type.kind === "list" && isList(value)) return walkList(type, value, place);
  if (type.kind === "map" && isMap(value)) return walkMap(type, value, place);
  if (type.kind === "object" && isMap(value)) return walkFields(type, value, place);
  if (isCollection(type)) return refuse(place, mismatch(type, value, place.hidden));
  return walkScalar(type, value, place);
}

type CollectionType = ListType | MapType | ObjectType;
type ScalarType = Exclude<Type, CollectionType>;

function isCollection(type: Type): type is CollectionType {
  return type.kind === "list" || type.kind === "map" || type.kind === "object";
}

function walkScalar(type: ScalarType, value: Value, place: Place): Value {
  if (!fits(type, value)) return refuse(place, mismatch(type, value, place.hidden));
  const reason = ruleReason(type, value);
  return reason === undefined ? value : refuse(place, `${subject(value, place.hidden)} ${reason}`);
}

function fits(type: ScalarType, value: Value): boolean {
  switch (type.kind) {
    case "string":
    case "oneOf":
      return typeof value === "string";
    case "boolean":
      return typeof value === "boolean";
    case "integerOrString":
      return typeof value === "string" || Number.isSafeInteger(value);
    case "integer":
    case "number":
      return typeof value === "number";
  }
}

function ruleReason(type: ScalarType, value: Value): string | undefined {
  if (type.kind === "oneOf") {
    return type.values.includes(value as string) ? undefined : `is not one of the accepted values; use ${joinWords(type.values, "or")}`;
  }
  if (type.kind === "integer" && !Number.isSafeInteger(value)) return "is no whole number";
  if (type.kind === "number" && !Number.isFinite(value)) return "is no finite number";
  return type.kind === "boolean" ? undefined : type.rule?.(value as never);
}

function walkList(type: ListType, items: readonly Value[], place: Place): Value {
  return items.map((item, index) => {
    const at = inside(place, index);
    return isAbsent(item) ? refuse(at, "is null; leave the item out") : walk(type.item, item, at);
  });
}

function walkMap(type: MapType, entries: ValueMap, place: Place): Value {
  const present = Object.entries(entries).filter(([, item]) => !isAbsent(item));
  return Object.fromEntries(
    present.map(([key, item]) => {
      const at = inside(place, key);
      const reason = type.keyRule?.(key);
      return [
        key,
        reason === undefined
          ? walk(type.item, item, at)
          : refuse(at, `${place.hidden ? "the secret key" : `the key ${showValue(key)}`} ${reason}`),
      ];
    }),
  );
}

type Shape = Pick<ObjectType, "name" | "fields" | "exactlyOne">;

function walkFields(shape: Shape, given: ValueMap, place: Place): ValueMap {
  for (const name of Object.keys(given)) {
    // Names with two leading underscores belong to the engine and its bridges.
    if (!Object.hasOwn(shape.fields, name) && !name.startsWith("__")) refuse(inside(place, name), unknownName(shape, name));
  }
  const count = countReason(shape, given);
  if (count !== undefined) refuse(place, count);
  const entries = Object.entries(shape.fields).map(([name, field]) => [name, walkField(field, entryOf(given, name), inside(place, name))]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as ValueMap;
}

function walkField(field: Field, given: Value | undefined, place: Place): Value | undefined {
  if (given === undefined || isAbsent(given)) {
    return isRequired(field) ? refuse(place, "is missing, and it is required") : defaultOf(field);
  }
  const value = walk(field.type, given, { ...place, hidden: place.hidden || field.secret === true });
  return field.secret === true && !place.hidden && !(value instanceof Secret) ? new Secret(value) : value;
}

/** An unknown alternative counts as given, since leaving it out is seldom what makes it unknown. */
function countReason({ exactlyOne = [] }: Shape, given: ValueMap): string | undefined {
  const present = exactlyOne.filter((name) => !isAbsent(entryOf(given, name)));
  if (exactlyOne.length === 0 || present.length === 1) return undefined;
  return `needs exactly one of ${joinWords(exactlyOne, "and")}, and has ${present.length === 0 ? "none" : joinWords(present, "and")}`;
}

function unknownName(shape: Shape, name: string): string {
  const names = Object.keys(shape.fields);
  const meant = nearest(name, names);
  if (meant !== undefined) return `is not a property of ${shape.name}; did you mean ${meant}?`;
  return `is not a property of ${shape.name}; it has ${joinWords(names, "and")}`;
}

/**
 * Values that some version of this provider stored, as this version reads them: without secrets, without fields it does
 * not know, with defaults for what is missing. Never complains: a field of another type is answered as it stands.
 */
export function readFields(fields: Fields, stored: ValueMap): ValueMap {
  const entries = Object.entries(fields).map(([name, field]): [string, Value | undefined] => {
    const value = entryOf(stored, name);
    return [name, value === undefined || isAbsent(value) ? defaultOf(field) : readValue(field.type, value)];
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as ValueMap;
}

/** A default of `{}` for a shape means the shape's own defaults. */
function defaultOf(field: Field): Value | undefined {
  return field.default === undefined ? undefined : readValue(field.type, field.default);
}

function readValue(type: Type, value: Value): Value {
  if (value instanceof Secret) return readValue(type, value.value);
  if (type.kind === "list" && isList(value)) return value.map((item) => readValue(type.item, item));
  if (type.kind === "object" && isMap(value)) return readFields(type.fields, value);
  if (type.kind !== "map" || !isMap(value)) return bare(value);
  const present = Object.entries(value).filter(([, entry]) => !isAbsent(entry));
  return Object.fromEntries(present.map(([key, entry]) => [key, readValue(type.item, entry)]));
}
