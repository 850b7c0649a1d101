/**
 * The lines of a Containerfile as builders see them: continuations joined, comments left out, parser directives read.
 * Follows BuildKit's parser. Buildah's differs in one point: there a line that ends in two escape characters goes on.
 */
import { containerfileFailure } from "./containerfile-failure.ts";

/** A run of characters of the joined text that stand together in the file too. */
interface Piece {
  /** Index in the joined text. */
  readonly at: number;
  /** Index in the file. */
  readonly source: number;
  readonly length: number;
}

/** One instruction's text without its heredocs. */
export interface LogicalLine {
  /** Of the first physical line, from 1. */
  readonly line: number;
  readonly text: string;
  readonly pieces: readonly Piece[];
}

/** A part of a text, from `start` up to but not including `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Go's unicode.IsSpace: what builders trim. */
export const space = "[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const leadingSpace = new RegExp(`^${space}+`, "u");
const directivePattern = new RegExp(`^#${space}*([a-zA-Z][a-zA-Z0-9]*)\\s*=\\s*(.+?)\\s*$`, "u");
const directiveNames = new Set(["syntax", "escape", "check"]);

export class LineReader {
  readonly file: string;
  /** `\` or the backtick that an escape directive asked for. */
  escape = "\\";
  readonly #text: string;
  #offset: number;
  #line = 0;
  #inDirectives = true;
  readonly #directives = new Set<string>();

  constructor(text: string, file: string) {
    this.file = file;
    this.#text = text;
    this.#offset = text.startsWith("\ufeff") ? 1 : 0;
  }

  /** Undefined at the end of the file. */
  next(): LogicalLine | undefined {
    for (let raw = this.physicalLine(); raw !== undefined; raw = this.physicalLine()) {
      const indent = leadingSpace.exec(raw.text)?.[0].length ?? 0;
      const trimmed = { ...raw, text: raw.text.slice(indent), offset: raw.offset + indent };
      this.#readDirective(trimmed.text, raw.line);
      if (trimmed.text === "" || trimmed.text.startsWith("#")) continue;
      return this.#join(trimmed);
    }
    return undefined;
  }

  /** The next line of the file as it is, without its line break. Heredocs are read with this. */
  physicalLine(): { readonly text: string; readonly offset: number; readonly line: number } | undefined {
    if (this.#offset >= this.#text.length) return undefined;
    const newline = this.#text.indexOf("\n", this.#offset);
    const end = newline === -1 ? this.#text.length : newline + 1;
    const text = this.#text.slice(this.#offset, end).replace(/[\r\n]+$/, "");
    const offset = this.#offset;
    this.#offset = end;
    this.#line++;
    return { text, offset, line: this.#line };
  }

  #join(first: { readonly text: string; readonly offset: number; readonly line: number }): LogicalLine {
    const pieces: Piece[] = [];
    let text = "";
    let goesOn = this.#append(first, (piece) => {
      pieces.push({ at: text.length, source: first.offset, length: piece.length });
      text += piece;
    });
    while (goesOn) {
      const raw = this.physicalLine();
      if (raw === undefined) break;
      const content = raw.text.replace(leadingSpace, "");
      if (content === "" || content.startsWith("#")) continue;
      goesOn = this.#append(raw, (piece) => {
        pieces.push({ at: text.length, source: raw.offset, length: piece.length });
        text += piece;
      });
    }
    return { line: first.line, text, pieces };
  }

  /** Hands over the line less its continuation character; true when there was one. */
  #append(raw: { readonly text: string }, add: (piece: string) => void): boolean {
    const end = raw.text.replace(/[ \t]+$/, "");
    const before = end.at(-2);
    const goesOn = end.endsWith(this.escape) && (end.length === 1 || before !== this.escape);
    add(goesOn ? end.slice(0, -1) : raw.text);
    return goesOn;
  }

  /** `# escape=` and its like count only above everything else, comments included. */
  #readDirective(text: string, line: number): void {
    if (!this.#inDirectives) return;
    const [, name = "", value = ""] = directivePattern.exec(text) ?? [];
    const key = name.toLowerCase();
    this.#inDirectives = directiveNames.has(key);
    if (!this.#inDirectives) return;
    const place = { file: this.file, line };
    if (this.#directives.has(key)) throw containerfileFailure(place, `the directive "${key}" stands here a second time; once is accepted`);
    this.#directives.add(key);
    if (key !== "escape") return;
    if (value !== "\\" && value !== "`") {
      throw containerfileFailure(place, `the escape character is "${value}"; only \\ and \` are accepted`);
    }
    this.escape = value;
  }
}

/** Where a range of the joined text stands in the file: one range, or several where a continuation cuts it. */
export function sourceRanges(logical: LogicalLine, range: Range): readonly Range[] {
  return logical.pieces.flatMap((piece) => {
    const start = Math.max(range.start, piece.at);
    const end = Math.min(range.end, piece.at + piece.length);
    return start < end ? [{ start: piece.source + start - piece.at, end: piece.source + end - piece.at }] : [];
  });
}
