/** Wildcards in COPY and ADD sources: one name of a path at a time, by the rules of Go's filepath.Match. */

export interface NamePattern {
  /** A pattern without wildcards matches this name only. */
  readonly literal?: string;
  matches(name: string): boolean;
}

/** Undefined when Go calls the pattern malformed: a class without end or content, or an escape at the end. */
export function compileNamePattern(pattern: string): NamePattern | undefined {
  let source = "";
  let literal: string | undefined = "";
  for (let at = 0; at < pattern.length;) {
    const character = String.fromCodePoint(pattern.codePointAt(at) ?? 0);
    if (character === "[") {
      const parsed = readClass(pattern, at + 1);
      if (parsed === undefined) return undefined;
      source += parsed.source;
      literal = undefined;
      at = parsed.end;
      continue;
    }
    const wildcard = { "*": "[^/]*", "?": "[^/]" }[character];
    const plain = character === "\\" ? characterAt(pattern, at + 1) : character;
    if (plain === undefined) return undefined;
    source += wildcard ?? escapeCharacter(plain);
    literal = wildcard === undefined && literal !== undefined ? literal + plain : undefined;
    at += character === "\\" ? 1 + plain.length : character.length;
  }
  if (literal !== undefined) return { literal, matches: (name) => name === literal };
  const expression = new RegExp(`^${source}$`, "us");
  return { matches: (name) => expression.test(name) };
}

/** `[^a-z]` behind its bracket. A range that runs backwards matches nothing, as in Go. */
function readClass(pattern: string, start: number): { readonly source: string; readonly end: number } | undefined {
  const negated = pattern.startsWith("^", start);
  const ranges: string[] = [];
  let count = 0;
  let at = negated ? start + 1 : start;
  while (count === 0 || pattern.charAt(at) !== "]") {
    const low = readClassCharacter(pattern, at);
    if (low === undefined) return undefined;
    at = low.end;
    const high = pattern.charAt(at) === "-" ? readClassCharacter(pattern, at + 1) : low;
    if (high === undefined) return undefined;
    at = high.end;
    count++;
    if (low.codePoint <= high.codePoint) ranges.push(`\\u{${low.codePoint.toString(16)}}-\\u{${high.codePoint.toString(16)}}`);
    if (at >= pattern.length) return undefined;
  }
  return { source: `[${negated ? "^" : ""}${ranges.join("")}]`, end: at + 1 };
}

function readClassCharacter(pattern: string, start: number): { readonly codePoint: number; readonly end: number } | undefined {
  const first = characterAt(pattern, start);
  if (first === undefined || first === "-" || first === "]") return undefined;
  const character = first === "\\" ? characterAt(pattern, start + 1) : first;
  if (character === undefined) return undefined;
  const end = start + character.length + (first === "\\" ? 1 : 0);
  return end >= pattern.length ? undefined : { codePoint: character.codePointAt(0) ?? 0, end };
}

function characterAt(text: string, at: number): string | undefined {
  const codePoint = text.codePointAt(at);
  return codePoint === undefined ? undefined : String.fromCodePoint(codePoint);
}

/** A character that means itself in an expression with the `u` flag. */
export function escapeCharacter(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/u, "\\$&");
}
