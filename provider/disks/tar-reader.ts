/**
 * Reads tar archives entry by entry. Not tar-stream: that one decodes extended headers as text, which destroys binary
 * attributes such as security.capability and names that are not UTF-8, and it knows no sparse entries.
 */
import { byteSource, type ByteSource } from "./byte-source.ts";
import { malformed, parsePax, parseTarHeader, tarBlockBytes, text, type TarHeader } from "./tar-header.ts";
import { readOldMap, readPaxMap, type Piece, type SparseMap } from "./tar-sparse.ts";

export type TarKind = "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";

export interface TarEntry {
  /** As the archive has it: one character per byte, perhaps with `./`, `../` or a leading slash. */
  readonly path: string;
  readonly kind: TarKind;
  /** Permission bits with set-user-id, set-group-id and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds. */
  readonly mtimeSeconds: number;
  readonly linkTarget: string;
  readonly device: { readonly major: number; readonly minor: number };
  readonly xattrs: ReadonlyMap<string, Buffer>;
  /** Of the file, holes included. */
  readonly sizeBytes: number;
  /** Where the body's bytes belong in the file; everything else is holes. */
  readonly pieces: readonly Piece[];
}

export interface TarItem {
  readonly entry: TarEntry;
  /** The stored bytes, in order of the pieces. May be left unread. */
  body(): AsyncGenerator<Buffer>;
}

const kinds: Readonly<Record<string, TarKind>> = {
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  "7": "file",
  S: "file",
};
/** Extended headers are read into memory; nobody needs more than this. */
const largestExtensionBytes = 16 * 1024 ** 2;
/** Those for the whole archive are looked at for each entry. */
const mostGlobalValues = 1000;
const chunkBytes = 1024 ** 2;
const xattrPrefix = "SCHILY.xattr.";
/** Linux takes no others (xattr(7)); programs that unpack images leave out what other systems wrote. */
const xattrNamespaces = /^(?:user|trusted|security|system)\./;
/** Of Linux, for a name and for a value; here for all values of a file together. */
const longestXattrNameBytes = 255;
const largestXattrBytes = 64 * 1024;

/** What headers in front of an entry said about it. */
interface Extensions {
  readonly pax: Map<string, Buffer>;
  name?: string;
  linkTarget?: string;
}

/** The stream is read to its end, past the archive's. */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarItem> {
  const source = byteSource(chunks[Symbol.asyncIterator]());
  const global = new Map<string, Buffer>();
  let extensions: Extensions = { pax: new Map() };
  for (;;) {
    const block = await source.take(tarBlockBytes);
    if (block.length > 0 && block.length < tarBlockBytes) throw malformed("ends in the middle of a header");
    const header = block.length === 0 ? undefined : parseTarHeader(block);
    if (header === undefined) break;
    if (await extend({ extensions, global, header, source })) continue;
    const oldMap = header.type === "S" ? await readOldMap(block, source) : undefined;
    const values = new Map([...global, ...extensions.pax]);
    yield* readItem(source, withExtensions(header, extensions, values), { values, oldMap });
    extensions = { pax: new Map() };
  }
  await source.drain();
}

interface Extending {
  readonly extensions: Extensions;
  readonly global: Map<string, Buffer>;
  readonly header: TarHeader;
  readonly source: ByteSource;
}

/** True when the header only says something about what follows. */
async function extend({ extensions, global, header, source }: Extending): Promise<boolean> {
  if (!["x", "X", "g", "L", "K"].includes(header.type)) return false;
  if (header.sizeBytes > largestExtensionBytes) throw malformed("has an extended header of more than 16 MiB");
  const content = await source.take(header.sizeBytes);
  await skipPadding(source, header.sizeBytes);
  if (content.length < header.sizeBytes) throw malformed("ends in the middle of an extended header");
  if (header.type === "L") extensions.name = text(content, 0, content.length);
  else if (header.type === "K") extensions.linkTarget = text(content, 0, content.length);
  else for (const [key, value] of parsePax(content)) (header.type === "g" ? global : extensions.pax).set(key, value);
  if (global.size > mostGlobalValues) throw malformed(`says more than ${mostGlobalValues} things about all of its entries`);
  return true;
}

function withExtensions(header: TarHeader, { name, linkTarget }: Extensions, values: ReadonlyMap<string, Buffer>): TarHeader {
  const pax = (key: string): string | undefined => values.get(key)?.toString("latin1");
  return {
    ...header,
    name: pax("GNU.sparse.name") ?? pax("path") ?? name ?? header.name,
    linkTarget: pax("linkpath") ?? linkTarget ?? header.linkTarget,
    sizeBytes: paxSize(pax("size"), header.sizeBytes),
    uid: paxNumber(pax("uid"), header.uid),
    gid: paxNumber(pax("gid"), header.gid),
    mtimeSeconds: Math.floor(paxNumber(pax("mtime"), header.mtimeSeconds)),
  };
}

function paxSize(value: string | undefined, fallback: number): number {
  const sizeBytes = paxNumber(value, fallback);
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw malformed("has an entry with a size that cannot be");
  return sizeBytes;
}

function paxNumber(value: string | undefined, fallback: number): number {
  if (value === undefined || value === "") return fallback;
  const parsed = Number(value);
  if (!/^-?[0-9]+(?:\.[0-9]*)?$/.test(value) || !Number.isFinite(parsed))
    throw malformed("has an extended header with a number that cannot be read");
  return parsed;
}

interface Sparse {
  readonly values: ReadonlyMap<string, Buffer>;
  readonly oldMap: SparseMap | undefined;
}

async function* readItem(source: ByteSource, header: TarHeader, { values, oldMap }: Sparse): AsyncGenerator<TarItem> {
  const kind = header.name.endsWith("/") && ["0", "7"].includes(header.type) ? "directory" : kinds[header.type];
  const stored = kind === "file" || kind === undefined ? header.sizeBytes : 0;
  const paxMap = kind === "file" ? await readPaxMap(values, source) : undefined;
  const map = oldMap ?? paxMap?.map ?? { sizeBytes: stored, pieces: [{ offset: 0, length: stored }] };
  const remaining = { bytes: stored - (paxMap?.readBytes ?? 0) };
  if (kind === undefined) throw malformed(`has an entry of type "${header.type}", which is none that a file system can hold`);
  if (map.pieces.reduce((sum, { length }) => sum + length, 0) !== remaining.bytes) {
    throw malformed("has a map of holes that does not match its size");
  }
  const body = (): AsyncGenerator<Buffer> => readBody(source, remaining);
  yield { entry: entryOf(header, { kind, map, values }), body };
  for await (const _ of body());
  await skipPadding(source, stored);
}

async function* readBody(source: ByteSource, remaining: { bytes: number }): AsyncGenerator<Buffer> {
  while (remaining.bytes > 0) {
    const part = await source.some(Math.min(remaining.bytes, chunkBytes));
    if (part.length === 0) throw malformed("ends in the middle of an entry");
    remaining.bytes -= part.length;
    yield part;
  }
}

interface Shape {
  readonly kind: TarKind;
  readonly map: SparseMap;
  readonly values: ReadonlyMap<string, Buffer>;
}

function entryOf(header: TarHeader, { kind, map, values }: Shape): TarEntry {
  return {
    path: header.name,
    kind,
    mode: header.mode & 0o7777,
    uid: header.uid,
    gid: header.gid,
    mtimeSeconds: header.mtimeSeconds,
    linkTarget: header.linkTarget,
    device: { major: header.deviceMajor, minor: header.deviceMinor },
    xattrs: xattrsOf(values),
    sizeBytes: map.sizeBytes,
    pieces: map.pieces.filter(({ length }) => length > 0),
  };
}

function xattrsOf(values: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Buffer> {
  const xattrs = new Map<string, Buffer>();
  let bytes = 0;
  for (const [key, value] of values) {
    const name = key.startsWith(xattrPrefix) ? key.slice(xattrPrefix.length) : "";
    if (!xattrNamespaces.test(name)) continue;
    bytes += value.length;
    if (name.length > longestXattrNameBytes || name.includes("\0")) throw malformed("has an extended attribute with a name that cannot be");
    if (bytes > largestXattrBytes) throw malformed("has a file with more than 64 KiB of extended attributes");
    xattrs.set(name, value);
  }
  return xattrs;
}

/** Entries are filled up to whole blocks. */
async function skipPadding(source: ByteSource, bytes: number): Promise<void> {
  const length = (tarBlockBytes - (bytes % tarBlockBytes)) % tarBlockBytes;
  if ((await source.take(length)).length < length) throw malformed("ends in the middle of an entry");
}
