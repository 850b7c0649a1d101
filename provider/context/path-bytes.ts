/**
 * Names of files as the disk has them: bytes, which need not be UTF-8. A byte that is none becomes a lone surrogate
 * (U+DC80 to U+DCFF), so that paths can be strings and still be opened.
 */
import { readdirSync, readlinkSync, type Dirent } from "node:fs";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const replacement = "\ufffd";

export function decodeBytes(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = [4, 3, 2, 1].find((size) => size <= bytes.length - at && isCharacter(bytes.subarray(at, at + size)));
    if (length === undefined) text += String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
    else text += strict.decode(bytes.subarray(at, at + length));
    at += length ?? 1;
  }
  return text;
}

/** What file functions take: the string, or its bytes where a string cannot say them. */
export function diskPath(path: string): string | Buffer {
  if (path.isWellFormed()) return path;
  return Buffer.concat(
    Array.from(path, (character) => (isEscaped(character) ? Buffer.of(character.charCodeAt(0) - 0xdc00) : Buffer.from(character))),
  );
}

/** The path as state can hold it: well-formed, and another text for every other path. */
export function pathKey(path: string): string {
  if (path.isWellFormed() && !path.includes(replacement)) return path;
  return Array.from(path, (character) => {
    if (character !== replacement && !isEscaped(character)) return character;
    const bytes = isEscaped(character) ? [character.charCodeAt(0) - 0xdc00] : [...Buffer.from(character)];
    return bytes.map((byte) => replacement + byte.toString(16)).join("");
  }).join("");
}

/** The path in a message: control characters would spoil the line. */
export function shownPath(path: string): string {
  return JSON.stringify(pathKey(path));
}

export interface Child {
  readonly name: string;
  readonly kind: "file" | "folder" | "link" | "other" | "unknown";
}

export function listFolder(path: string): readonly Child[] {
  const entries = readdirSync(diskPath(path), { withFileTypes: true });
  if (!entries.some((entry) => entry.name.includes(replacement))) return entries.map((entry) => child(entry, entry.name));
  return readdirSync(diskPath(path), { withFileTypes: true, encoding: "buffer" }).map((entry) => child(entry, decodeBytes(entry.name)));
}

export function readLink(path: string): string {
  return decodeBytes(readlinkSync(diskPath(path), "buffer"));
}

function child(entry: Dirent | Dirent<Buffer>, name: string): Child {
  if (entry.isFile()) return { name, kind: "file" };
  if (entry.isDirectory()) return { name, kind: "folder" };
  if (entry.isSymbolicLink()) return { name, kind: "link" };
  return { name, kind: entry.isFIFO() || entry.isSocket() || entry.isBlockDevice() || entry.isCharacterDevice() ? "other" : "unknown" };
}

function isEscaped(character: string): boolean {
  const codeUnit = character.charCodeAt(0);
  return character.length === 1 && codeUnit >= 0xdc80 && codeUnit <= 0xdcff;
}

function isCharacter(bytes: Uint8Array): boolean {
  try {
    return Array.from(strict.decode(bytes)).length === 1;
  } catch {
    return false;
  }
}
