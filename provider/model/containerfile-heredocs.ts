/** Heredocs of an instruction: which ones its line announces, and the lines that follow it up to their ends. */
import { containerfileFailure } from "./containerfile-failure.ts";
import type { LineReader } from "./containerfile-lines.ts";
import { expandWord } from "./shell-expand.ts";

export interface HeredocMark {
  readonly name: string;
  /** `<<-`: tabs in front are not content. */
  readonly tabs: boolean;
}

export interface Heredoc extends HeredocMark {
  readonly content: string;
}

const markPattern = /^[0-9]*<<(-?)\s*([^<]*)$/;

/** The heredoc that a single word announces: `<<EOF`, `<<-"EOF"`, `3<<EOF`. */
export function heredocMark(word: string): HeredocMark | undefined {
  const [, dash, rest = ""] = markPattern.exec(word) ?? [];
  if (dash === undefined || rest === "") return undefined;
  const name = expandWord(rest, (variable) => `$${variable}`);
  if (name.problem !== undefined || name.text === "") return undefined;
  return { name: name.text, tabs: dash === "-" };
}

/** Reads the bodies of all heredocs that the line announces, in order. */
export function readHeredocs(text: string, reader: LineReader, line: number): readonly Heredoc[] {
  if (!text.includes("<<")) return [];
  const marks = shellWords(text)
    .map((word) => heredocMark(word))
    .filter((mark) => mark !== undefined);
  return marks.map((mark) => ({ ...mark, content: readBody(mark, reader, line) }));
}

function readBody(mark: HeredocMark, reader: LineReader, line: number): string {
  const lines: string[] = [];
  for (let raw = reader.physicalLine(); raw !== undefined; raw = reader.physicalLine()) {
    const text = mark.tabs ? raw.text.replace(/^\t+/, "") : raw.text;
    if (text === mark.name) return lines.join("");
    lines.push(`${text}\n`);
  }
  throw containerfileFailure(
    { file: reader.file, line },
    `the heredoc "${mark.name}" is never ended; a line that says only ${mark.name} ends it`,
  );
}

/** One shell word, or a blank between two: quoted text, `${…}`, `<<` with the blanks behind it, an escaped character, any other. */
const tokenPattern = /'[^']*'|"(?:\\.|[^"\\])*"|\$\{[^{}:][^{}]*\}|<<[ \t\r]*|\\.|(\s+)|[^'"\s]/gsu;

/** Words with their quotes and escapes kept; none at all when a quote or a brace is never closed, as builders have it. */
function shellWords(text: string): readonly string[] {
  const found: string[] = [];
  let word = "";
  let end = 0;
  for (const match of text.matchAll(tokenPattern)) {
    const unclosed = match.index !== end || (match[0] === "$" && text.startsWith("{", match.index + 1));
    if (unclosed) return [];
    end += match[0].length;
    if (match[1] === undefined) word += match[0];
    else if (word !== "") {
      found.push(word);
      word = "";
    }
  }
  if (end !== text.length) return [];
  return word === "" ? found : [...found, word];
}
