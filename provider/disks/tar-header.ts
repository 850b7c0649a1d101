/**
 * Headers of tar archives: ustar, GNU and PAX. Names and link targets are byte strings (one character per byte), since
 * names on Linux are bytes and values of extended attributes are binary. Source: POSIX.1-2017 pax, GNU tar manual.
 */
import { Failure } from "../failure.ts";

export const tarBlockBytes = 512;

export interface TarHeader {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  /** The type flag; `0` for the archives that leave it empty. */
  readonly type: string;
  readonly linkTarget: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/** What is wrong with an archive; whoever reads the layers adds which it was. */
export function malformed(what: string): Failure {
  return new Failure({
    kind: "input",
    code: "malformed-layer",
    message: `A layer of the image is not a tar archive that can be unpacked: it ${what}.`,
    fix: "build the image again and push it.",
  });
}

/** Undefined for a block of zeros, which ends an archive. */
export function parseTarHeader(block: Buffer): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  checkSum(block);
  const magic = text(block, 257, 6);
  const prefix = magic === "ustar" && block[257 + 5] === 0 ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  const type = block[156] === 0 ? "0" : String.fromCharCode(block[156] ?? 0);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    mode: number(block, 100, 8),
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    sizeBytes: size(block, 124, 12),
    mtimeSeconds: number(block, 136, 12),
    type,
    linkTarget: text(block, 157, 100),
    deviceMajor: number(block, 329, 8),
    deviceMinor: number(block, 337, 8),
  };
}

/** PAX records: `length key=value\n`, where the length counts itself and the value may hold any bytes. */
export function parsePax(records: Buffer): Map<string, Buffer> {
  const values = new Map<string, Buffer>();
  let at = 0;
  while (at < records.length && records[at] !== 0) {
    const space = records.indexOf(0x20, at);
    const length = Number(records.toString("latin1", at, space === -1 ? at : space));
    const end = at + length;
    const equals = records.indexOf(0x3d, space);
    if (
      !Number.isSafeInteger(length) ||
      end > records.length ||
      space >= end ||
      equals === -1 ||
      equals >= end ||
      records[end - 1] !== 0x0a
    ) {
      throw malformed("has an extended header that cannot be read");
    }
    addPax(values, records.toString("latin1", space + 1, equals), Buffer.from(records.subarray(equals + 1, end - 1)));
    at = end;
  }
  return values;
}

/** The oldest sparse form repeats two keys for each piece: here they become the one list that the next form has. */
function addPax(values: Map<string, Buffer>, key: string, value: Buffer): void {
  const isPart = key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes";
  const list = isPart ? values.get("GNU.sparse.map") : undefined;
  if (list === undefined) values.set(isPart ? "GNU.sparse.map" : key, value);
  else values.set("GNU.sparse.map", Buffer.concat([list, Buffer.from(","), value]));
}

/** Text up to its first zero byte. */
export function text(block: Buffer, start: number, length: number): string {
  const field = block.toString("latin1", start, start + length);
  const end = field.indexOf("\0");
  return end === -1 ? field : field.slice(0, end);
}

/** Octal digits, or (first bit set) a big-endian two's complement number. */
export function number(block: Buffer, start: number, length: number): number {
  if (((block[start] ?? 0) & 0x80) !== 0) return base256(block.subarray(start, start + length));
  const digits = text(block, start, length).trim();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits)) throw malformed("has a header with a number that cannot be read");
  return Number.parseInt(digits, 8);
}

export function size(block: Buffer, start: number, length: number): number {
  const value = number(block, start, length);
  if (!Number.isSafeInteger(value) || value < 0) throw malformed("has an entry with a size that cannot be");
  return value;
}

function base256(field: Buffer): number {
  const negative = ((field[0] ?? 0) & 0x40) !== 0;
  let value = BigInt((field[0] ?? 0) & 0x3f) - (negative ? 64n : 0n);
  for (const byte of field.subarray(1)) value = value * 256n + BigInt(byte);
  return Number(value);
}

/** The sum of all bytes, its own field counted as spaces. Some old writers summed signed bytes. */
function checkSum(block: Buffer): void {
  const wanted = number(block, 148, 8);
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < tarBlockBytes; at++) {
    const byte = at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  if (wanted !== unsigned && wanted !== signed) throw malformed("has a header whose checksum does not match");
}
