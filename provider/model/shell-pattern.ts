/** Patterns inside `${name#pattern}`, `${name%pattern}` and `${name/pattern/text}`: `*` and `?`, no brackets. */

/** Takes the pattern off the front (`#`) or the end (`%`) of a value; a doubled modifier takes the longest match. Undefined: no pattern. */
export function trimPattern(value: string, word: string, modifier: string): string | undefined {
  const longest = word.startsWith(modifier);
  const body = patternBody(longest ? word.slice(1) : word, longest);
  if (body === undefined) return undefined;
  if (modifier === "#") return value.replace(new RegExp(`^(?:${body})`, "us"), "");
  return trimEnd(value, new RegExp(`^(?:${body})$`, "us"), longest);
}

export function replacePattern(
  value: string,
  pattern: string,
  how: { readonly replacement: string; readonly all: boolean },
): string | undefined {
  const body = patternBody(pattern, true);
  return body === undefined ? undefined : value.replace(new RegExp(body, how.all ? "gus" : "us"), () => how.replacement);
}

/** A search finds the first match, and the shortest at the end is the last: so every start is tried. */
function trimEnd(value: string, suffix: RegExp, longest: boolean): string {
  const starts = Array.from({ length: value.length + 1 }, (_, start) => start);
  const found = (longest ? starts : starts.toReversed()).find((start) => suffix.test(value.slice(start)));
  return found === undefined ? value : value.slice(0, found);
}

function patternBody(pattern: string, longest: boolean): string | undefined {
  let body = "";
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at);
    if (character === "*") body += longest ? ".*" : ".*?";
    else if (character === "?") body += ".";
    else if (character !== "\\") body += literal(character);
    else {
      at++;
      const escaped = pattern.charAt(at);
      if (!["*", "?", "\\", "}", "/"].includes(escaped)) return undefined;
      body += literal(escaped);
    }
  }
  return body;
}

function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/u, "\\$&");
}
