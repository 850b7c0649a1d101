/** Sparse entries of tar archives: the old GNU headers, and the PAX forms 0.0, 0.1 and 1.0. Source: GNU tar manual, "Sparse Formats". */
import type { ByteSource } from "./byte-source.ts";
import { malformed, number, size, tarBlockBytes } from "./tar-header.ts";

/** Bytes that are stored, and where in the file they belong. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
}

export interface SparseMap {
  readonly sizeBytes: number;
  readonly pieces: readonly Piece[];
}

const mapEntryBytes = 24;
const inHeader = { at: 386, entries: 4, isExtended: 482, realSize: 483 };
const inBlock = { entries: 21, isExtended: 504 };
const mostPieces = 1_000_000;
/** Of ext4: 2^32 blocks of 4 KiB, less one. */
const largestFileBytes = 16 * 1024 ** 4 - 4096;

/** The map of an old GNU header (type `S`), which may go on in blocks behind it. */
export async function readOldMap(header: Buffer, source: ByteSource): Promise<SparseMap> {
  const pieces = mapEntries(header.subarray(inHeader.at), inHeader.entries);
  for (let more = header[inHeader.isExtended] !== 0; more;) {
    const block = await source.take(tarBlockBytes);
    if (block.length < tarBlockBytes) throw malformed("ends in the middle of a map of holes");
    pieces.push(...mapEntries(block, inBlock.entries));
    if (pieces.length > mostPieces) throw malformed("has a file with more than a million holes");
    more = block[inBlock.isExtended] !== 0;
  }
  return checked({ sizeBytes: size(header, inHeader.realSize, 12), pieces });
}

function mapEntries(bytes: Buffer, count: number): Piece[] {
  const pieces: Piece[] = [];
  for (let index = 0; index < count; index++) {
    const at = index * mapEntryBytes;
    if (bytes[at] === 0 && bytes[at + 12] === 0) break;
    pieces.push({ offset: number(bytes, at, 12), length: number(bytes, at + 12, 12) });
  }
  return pieces;
}

/** The map of a PAX entry, if it has one. Form 1.0 keeps it in front of the body, so this reads from there. */
export async function readPaxMap(
  values: ReadonlyMap<string, Buffer>,
  source: ByteSource,
): Promise<{ readonly map: SparseMap; readonly readBytes: number } | undefined> {
  const value = (key: string): string | undefined => values.get(`GNU.sparse.${key}`)?.toString("latin1");
  const sizeBytes = decimal(value("realsize") ?? value("size") ?? "");
  if (value("major") === "1") {
    const { numbers, readBytes } = await readNumbers(source);
    return { map: checked({ sizeBytes: sizeBytes ?? 0, pieces: pairs(numbers) }), readBytes };
  }
  const map = value("map");
  if (map === undefined) return undefined;
  const numbers = map === "" ? [] : map.split(",").map((part) => decimal(part) ?? -1);
  return { map: checked({ sizeBytes: sizeBytes ?? 0, pieces: pairs(numbers) }), readBytes: 0 };
}

/** Decimal lines, the count of pieces first, padded to whole blocks. */
async function readNumbers(source: ByteSource): Promise<{ readonly numbers: number[]; readonly readBytes: number }> {
  const numbers: number[] = [];
  let line = "";
  let readBytes = 0;
  let wanted = 1;
  while (numbers.length < wanted) {
    const block = await source.take(tarBlockBytes);
    if (block.length < tarBlockBytes) throw malformed("ends in the middle of a map of holes");
    readBytes += block.length;
    for (const character of block.toString("latin1")) {
      if (numbers.length === wanted) break;
      if (character !== "\n") line += character;
      else {
        numbers.push(decimal(line) ?? -1);
        line = "";
        wanted = 1 + 2 * (numbers[0] ?? 0);
      }
    }
    if (wanted > 2 * mostPieces || line.length > 20) throw malformed("has a map of holes that cannot be read");
  }
  return { numbers: numbers.slice(1), readBytes };
}

function pairs(numbers: readonly number[]): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < numbers.length; at += 2) pieces.push({ offset: numbers[at] ?? -1, length: numbers[at + 1] ?? -1 });
  return pieces;
}

function decimal(digits: string): number | undefined {
  return /^[0-9]{1,15}$/.test(digits) ? Number(digits) : undefined;
}

/** Pieces follow each other inside the file; those of length 0 only mark its end. */
function checked(map: SparseMap): SparseMap {
  if (map.sizeBytes > largestFileBytes) throw malformed("has a file of more than 16 TiB");
  let end = 0;
  for (const { offset, length } of map.pieces) {
    if (offset < end || length < 0 || offset + length > map.sizeBytes) throw malformed("has a map of holes that cannot be");
    end = offset + length;
  }
  return { ...map, pieces: map.pieces.filter(({ length }) => length > 0) };
}
