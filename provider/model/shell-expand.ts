/**
 * Variables in words of a Containerfile: `$x`, `${x}` and their modifiers, quotes and escapes, as BuildKit's shell lexer
 * has them. Buildah knows fewer modifiers (none of `#`, `%` and `/`), so a Containerfile that uses those is docker's anyway.
 */
import { replacePattern, trimPattern } from "./shell-pattern.ts";

export interface Expansion {
  readonly text: string;
  /** What cannot be read, lower-case and without a full stop. The text is of no use then. */
  readonly problem?: string;
}

/** The value of a variable; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

interface Cursor {
  readonly text: string;
  at: number;
  readonly escape: string;
  readonly get: Lookup;
  problem?: string;
}

const unclosed = 'a "${" is never closed by "}"';

export function expandWord(word: string, get: Lookup, escape = "\\"): Expansion {
  const cursor: Cursor = { text: word, at: 0, escape, get };
  const text = readUntil(cursor, "", { rawEscapes: false });
  return cursor.problem === undefined ? { text } : { text: "", problem: cursor.problem };
}

/** Reads up to and over the character `stop`; to the end of the word when it is empty. */
function readUntil(cursor: Cursor, stop: string, options: { readonly rawEscapes: boolean }): string {
  let result = "";
  while (cursor.at < cursor.text.length && cursor.problem === undefined) {
    const character = take(cursor);
    if (character === stop) return result;
    if (character === "'") result += singleQuoted(cursor);
    else if (character === '"') result += doubleQuoted(cursor);
    else if (character === "$") result += variable(cursor);
    else if (character === cursor.escape) result += (options.rawEscapes ? character : "") + take(cursor);
    else result += character;
  }
  if (stop !== "") stopAt(cursor, unclosed);
  return result;
}

function singleQuoted(cursor: Cursor): string {
  const end = cursor.text.indexOf("'", cursor.at);
  if (end === -1) return stopAt(cursor, `a quote (') is never closed`);
  const text = cursor.text.slice(cursor.at, end);
  cursor.at = end + 1;
  return text;
}

function doubleQuoted(cursor: Cursor): string {
  let result = "";
  while (cursor.at < cursor.text.length && cursor.problem === undefined) {
    const character = take(cursor);
    if (character === '"') return result;
    if (character === "$") result += variable(cursor);
    else if (character !== cursor.escape) result += character;
    else result += ['"', "$", cursor.escape].includes(peek(cursor)) ? take(cursor) : cursor.at < cursor.text.length ? character : "";
  }
  return stopAt(cursor, `a quote (") is never closed`);
}

function variable(cursor: Cursor): string {
  if (peek(cursor) !== "{") {
    const name = variableName(cursor);
    return name === "" ? "$" : (cursor.get(name) ?? "");
  }
  cursor.at++;
  const name = variableName(cursor);
  if (name === "") return stopAt(cursor, `"\${" is not followed by the name of a variable`);
  const character = take(cursor);
  if (character === "}") return cursor.get(name) ?? "";
  if (character === "") return stopAt(cursor, unclosed);
  if (character === "/") return replaced(cursor, name);
  const nullIsUnset = character === ":";
  return modified(cursor, name, { modifier: nullIsUnset ? take(cursor) : character, nullIsUnset });
}

function modified(cursor: Cursor, name: string, how: { readonly modifier: string; readonly nullIsUnset: boolean }): string {
  const { modifier, nullIsUnset } = how;
  const trims = ["#", "%"].includes(modifier);
  const known = nullIsUnset ? ["+", "-", "?"] : ["+", "-", "?", "#", "%"];
  if (!known.includes(modifier)) {
    return stopAt(cursor, `"\${${name}${nullIsUnset ? ":" : ""}${modifier}" is not a substitution that builders know`);
  }
  const word = readUntil(cursor, "}", { rawEscapes: trims });
  const value = cursor.get(name);
  if (trims) return trimPattern(value ?? "", word, modifier) ?? stopAt(cursor, `"${word}" is not a pattern`);
  const missing = value === undefined || (nullIsUnset && value === "");
  if (modifier === "+") return missing ? "" : word;
  if (!missing) return value;
  return modifier === "-" ? word : stopAt(cursor, `${name}: ${word || "it has no value"}`);
}

function replaced(cursor: Cursor, name: string): string {
  const all = peek(cursor) === "/";
  if (all) cursor.at++;
  const pattern = readUntil(cursor, "/", { rawEscapes: true });
  const replacement = readUntil(cursor, "}", { rawEscapes: true });
  const result = replacePattern(cursor.get(name) ?? "", pattern, { replacement, all });
  return result ?? stopAt(cursor, `"${pattern}" is not a pattern`);
}

/** Letters, digits and `_`; a run of digits; or one of the shell's special parameters. */
function variableName(cursor: Cursor): string {
  const name = /^(?:[0-9]+|[@*#?!$-]|[\p{L}_][\p{L}\p{Nd}_]*)/u.exec(cursor.text.slice(cursor.at))?.[0] ?? "";
  cursor.at += name.length;
  return name;
}

function stopAt(cursor: Cursor, problem: string): string {
  cursor.problem ??= problem;
  return "";
}

function peek(cursor: Cursor): string {
  return cursor.text.charAt(cursor.at);
}

function take(cursor: Cursor): string {
  return cursor.text.charAt(cursor.at++);
}
