/** Words for check reasons: the value seen, what is accepted, and the name that was probably meant. */
import type { Type } from "./property.ts";
import { isList, isMap } from "./tree.ts";
import { Opaque, Secret, Unknown, type Value } from "./value.ts";

const longestShown = 60;

/** `a, b or c` */
export function joinWords(words: readonly string[], last: "or" | "and"): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;
}

/** The value as it may stand in a message: short, and with secrets covered. */
export function showValue(value: Value | undefined): string {
  if (value === undefined || value === null) return "nothing";
  const text = JSON.stringify(printable(value));
  return text.length <= longestShown ? text : `${text.slice(0, longestShown - 1)}…`;
}

function printable(value: Value): unknown {
  if (value instanceof Secret) return "[secret]";
  if (value instanceof Unknown) return "[unknown]";
  if (value instanceof Opaque) return "[asset]";
  if (isList(value)) return value.map(printable);
  return isMap(value) ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, printable(item)])) : value;
}

/** The subject of a reason: the value itself, or `the secret value`. */
export function subject(value: Value, hidden: boolean): string {
  return hidden ? "the secret value" : showValue(value);
}

/** `512 is a number; write a string` */
export function mismatch(type: Type, value: Value, hidden: boolean): string {
  const seen = !hidden && (isList(value) || isMap(value) || value instanceof Opaque) ? "this" : subject(value, hidden);
  return `${seen} is ${kindOf(value)}; write ${accepted(type)}`;
}

function kindOf(value: Value): string {
  if (value === null) return "null";
  if (isList(value)) return "a list";
  if (isMap(value)) return "an object";
  if (value instanceof Opaque) return "an asset or a reference";
  return typeof value === "boolean" ? "a boolean" : `a ${typeof value}`;
}

/** What a type accepts: `a list of strings`. */
export function accepted(type: Type): string {
  switch (type.kind) {
    case "string":
      return "a string";
    case "integer":
      return "a whole number";
    case "number":
      return "a number";
    case "boolean":
      return "true or false";
    case "integerOrString":
      return "a whole number or a string";
    case "oneOf":
      return joinWords(type.values, "or");
    case "list":
      return `a list of ${acceptedMany(type.item)}`;
    case "map":
      return `a map of ${acceptedMany(type.item)}`;
    case "object":
      return `an object with ${joinWords(Object.keys(type.fields), "and")}`;
  }
}

function acceptedMany(type: Type): string {
  switch (type.kind) {
    case "string":
      return "strings";
    case "integer":
      return "whole numbers";
    case "number":
      return "numbers";
    case "boolean":
      return "booleans";
    case "integerOrString":
      return "whole numbers or strings";
    case "oneOf":
      return joinWords(type.values, "or");
    case "list":
      return `lists of ${acceptedMany(type.item)}`;
    case "map":
      return `maps of ${acceptedMany(type.item)}`;
    case "object":
      return `objects with ${joinWords(Object.keys(type.fields), "and")}`;
  }
}

/** The one of `names` that `seen` was probably meant to be. */
export function nearest(seen: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((name) => ({ name, distance: editDistance(seen.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  const allowed = Math.max(1, Math.floor(seen.length / 3));
  return best !== undefined && best.distance <= allowed ? best.name : undefined;
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [index, letter] of Array.from(a).entries()) {
    const next = [index + 1];
    for (let column = 1; column <= b.length; column++) {
      const replace = (row[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
