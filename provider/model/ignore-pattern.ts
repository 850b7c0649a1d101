/**
 * One pattern of an ignore file, by the rules of moby's patternmatcher: not filepath.Match but an expression made from
 * the pattern, quirks included, since the same file must hide the same paths here and in the builder.
 */
import { compileNamePattern, escapeCharacter } from "./name-pattern.ts";

export type PathTest = (path: string) => boolean;

/** `pattern` is clean: no slash at its ends, no `.` or `..` inside. Undefined when builders refuse it. */
export function compileIgnorePattern(pattern: string): PathTest | undefined {
  // Builders ask filepath.Match whether the syntax is right (it looks no further than the first part that does not
  // match) and then go by an expression of their own.
  if (compileNamePattern(firstChunk(pattern)) === undefined) return undefined;
  const { expression, kind } = toExpression(pattern);
  if (kind === "exact") return (path) => path === pattern;
  if (kind === "prefix") return (path) => path.startsWith(pattern.slice(0, -2));
  if (kind === "suffix") {
    const suffix = pattern.slice(2);
    return (path) => path.endsWith(suffix) || (suffix.startsWith("/") && path === suffix.slice(1));
  }
  const source = fromRe2(expression);
  if (source === undefined) return undefined;
  const compiled = new RegExp(source, "u");
  return (path) => compiled.test(path);
}

/** Up to the first star behind leading ones. */
function firstChunk(pattern: string): string {
  return /^\**(?:\\.?|\[(?:\\.|[^\\\]])*\]?|[^*\\[])*/su.exec(pattern)?.[0] ?? pattern;
}

type Kind = "exact" | "prefix" | "suffix" | "expression";

interface Building {
  expression: string;
  kind: Kind;
}

/** The expression in Go's syntax: what is in brackets is treated like the rest, which gives `[*]` another meaning than in a shell. */
function toExpression(pattern: string): Building {
  const building: Building = { expression: "^", kind: "exact" };
  const characters = Array.from(pattern);
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? "";
    if (character === "*" && characters[at + 1] === "*") {
      const first = at === 0;
      at += characters[at + 2] === "/" ? 2 : 1;
      addDoubleStar(building, { first, last: at + 1 >= characters.length });
      continue;
    }
    if (character === "\\") at++;
    addCharacter(building, character, characters[at] ?? "");
  }
  building.expression += "$";
  return building;
}

function addDoubleStar(building: Building, place: { readonly first: boolean; readonly last: boolean }): void {
  if (!place.last) {
    building.expression += "(.*/)?";
    building.kind = "expression";
  } else if (building.kind === "exact") building.kind = "prefix";
  else {
    building.expression += ".*";
    building.kind = "expression";
  }
  if (place.first) building.kind = "suffix";
}

function addCharacter(building: Building, character: string, escaped: string): void {
  if (character === "*") building.expression += "[^/]*";
  else if (character === "?") building.expression += "[^/]";
  else if (character === "\\") building.expression += `\\${escaped}`;
  else building.expression += ".+()|{}$".includes(character) ? `\\${character}` : character;
  if ("*?\\[]".includes(character)) building.kind = "expression";
}

const whitespaceClass = "\\t\\n\\f\\r ";
/** Perl's classes, as they stand in brackets. */
const groups: Readonly<Record<string, string>> = { d: "\\d", D: "\\D", w: "\\w", W: "\\W", s: whitespaceClass, S: "\\S" };
const escapes = new Map([
  ["a", "\\x07"],
  ["f", "\\f"],
  ["t", "\\t"],
  ["n", "\\n"],
  ["r", "\\r"],
  ["v", "\\v"],
  ["b", "\\b"],
  ["B", "\\B"],
  ["A", "^"],
  ["z", "$"],
  ...Object.entries(groups).map(([letter, group]) => [letter, `[${group}]`] as const),
]);

/** Go's expression in JavaScript's syntax; undefined for what Go refuses, and for escapes that no path needs. */
function fromRe2(expression: string): string | undefined {
  const characters = Array.from(expression);
  let source = "";
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? "";
    if (character === "[") {
      const parsed = readClass(characters, at + 1);
      if (parsed === undefined) return undefined;
      source += parsed.source;
      at = parsed.end;
    } else if (character === "\\") {
      const escaped = unescape(characters[++at] ?? "");
      if (escaped === undefined) return undefined;
      source += escaped;
    } else if (character === ".") source += "[^\\n]";
    else source += "^$*?()".includes(character) ? character : escapeCharacter(character);
  }
  return source;
}

function unescape(character: string): string | undefined {
  const known = escapes.get(character);
  if (known !== undefined) return known;
  return /^[\x00-\x7f]$/.test(character) && !/^[0-9A-Za-z]$/.test(character) ? escapeCharacter(character) : undefined;
}

/** A class behind its bracket, up to the bracket that ends it: a first `]` is one of its characters. */
function readClass(characters: readonly string[], start: number): { readonly source: string; readonly end: number } | undefined {
  const negated = characters[start] === "^";
  let source = "";
  let at = negated ? start + 1 : start;
  for (let first = true; first || characters[at] !== "]"; first = false) {
    const item = readGroup(characters, at) ?? readRange(characters, at);
    if (item === undefined) return undefined;
    source += item.source;
    at = item.end;
  }
  return { source: `[${negated ? "^" : ""}${source}]`, end: at };
}

function readGroup(characters: readonly string[], at: number): { readonly source: string; readonly end: number } | undefined {
  const source = characters[at] === "\\" ? groups[characters[at + 1] ?? ""] : undefined;
  return source === undefined ? undefined : { source, end: at + 2 };
}

function readRange(characters: readonly string[], at: number): { readonly source: string; readonly end: number } | undefined {
  if (characters[at] === "[" && characters[at + 1] === ":") return undefined;
  const low = readClassCharacter(characters, at);
  if (low === undefined) return undefined;
  const ranged = characters[low.end] === "-" && characters[low.end + 1] !== "]" && characters[low.end + 1] !== undefined;
  const high = ranged ? readClassCharacter(characters, low.end + 1) : low;
  if (high === undefined || high.codePoint < low.codePoint) return undefined;
  return { source: `\\u{${low.codePoint.toString(16)}}-\\u{${high.codePoint.toString(16)}}`, end: high.end };
}

function readClassCharacter(characters: readonly string[], at: number): { readonly codePoint: number; readonly end: number } | undefined {
  const escaped = characters[at] === "\\";
  const character = characters[escaped ? at + 1 : at];
  if (character === undefined || (escaped && /^[0-9A-Za-z\x80-\u{10ffff}]$/u.test(character))) return undefined;
  return { codePoint: character.codePointAt(0) ?? 0, end: at + (escaped ? 2 : 1) };
}
