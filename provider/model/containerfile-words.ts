/** The words of an instruction: keyword, flags, and what is left, each with its place in the line. */
import { space, type Range } from "./containerfile-lines.ts";

export interface Word extends Range {
  readonly text: string;
}

export interface Flag extends Range {
  /** Without the leading dashes, as written. */
  readonly name: string;
  /** Undefined for `--link`, which has none. Quotes are gone. */
  readonly value?: string;
}

export interface SplitLine {
  /** As written; builders know no case. */
  readonly keyword: Word;
  readonly flags: readonly Flag[];
  /** What follows keyword and flags, trimmed. */
  readonly rest: Word;
}

const isSpace = new RegExp(`^${space}$`, "u");
const words = /[^\t\v\f\r ]+/g;

/** Splits the part of `text` that starts at `from`: all of a line, or what follows ONBUILD. */
export function splitLine(text: string, from: number, escape: string): SplitLine {
  const start = skipSpace(text, from);
  const end = trimEnd(text);
  const keywordEnd = Math.min(end, start + (/^[^\t\v\f\r ]*/.exec(text.slice(start))?.[0].length ?? 0));
  const keyword = { text: text.slice(start, keywordEnd), start, end: keywordEnd };
  const flags: Flag[] = [];
  let at = skipSpace(text, keywordEnd);
  while (at < end && text.startsWith("--", at)) {
    const word = flagWord(text.slice(0, end), at, escape);
    at = skipSpace(text, word.end);
    if (word.text === "--") break;
    flags.push(flag(word));
  }
  at = Math.min(at, end);
  return { keyword, flags, rest: { text: text.slice(at, end), start: at, end } };
}

/** Words between blanks; quotes and escapes mean nothing here. */
export function splitWords(part: Word): readonly Word[] {
  return [...part.text.matchAll(words)].map((match) => {
    const start = part.start + match.index;
    return { text: match[0], start, end: start + match[0].length };
  });
}

/** The strings of a JSON array; undefined when the text is none. `problem`: an array, but of other things than strings. */
export function readJsonWords(part: Word): { readonly words: readonly Word[]; readonly problem?: string } | undefined {
  if (!part.text.startsWith("[")) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(part.text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed)) return undefined;
  if (!parsed.every((item) => typeof item === "string")) return { words: [], problem: "a JSON list must hold strings only" };
  return { words: parsed.map((text) => ({ text, start: part.start, end: part.end })) };
}

/** Words as ENV, LABEL and ARG split them: blanks inside quotes and after the escape character join; quotes stay. */
export function quotedWords(text: string, escape: string): readonly string[] {
  const found: string[] = [];
  let word = "";
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote === "" && isSpace.test(character)) {
      if (word !== "") found.push(word);
      word = "";
      continue;
    }
    if (character === escape && quote !== "'") {
      if (at + 1 < text.length) word += escape + text.charAt(at + 1);
      at++;
      continue;
    }
    if (quote === "" && (character === "'" || character === '"')) quote = character;
    else if (character === quote) quote = "";
    word += character;
  }
  return word === "" ? found : [...found, word];
}

function flagWord(text: string, start: number, escape: string): Word {
  let value = "";
  let quote = "";
  let at = start;
  for (; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote === "" && isSpace.test(character)) break;
    if (character === escape) {
      at++;
      value += text.charAt(at);
    } else if (character === quote) quote = "";
    else if (quote === "" && (character === "'" || character === '"')) quote = character;
    else value += character;
  }
  return { text: value, start, end: Math.min(at, text.length) };
}

function flag(word: Word): Flag {
  const equals = word.text.indexOf("=");
  const place = { start: word.start, end: word.end };
  if (equals === -1) return { ...place, name: word.text.slice(2) };
  return { ...place, name: word.text.slice(2, equals), value: word.text.slice(equals + 1) };
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && isSpace.test(text.charAt(at))) at++;
  return at;
}

function trimEnd(text: string): number {
  let end = text.length;
  while (end > 0 && isSpace.test(text.charAt(end - 1))) end--;
  return end;
}
