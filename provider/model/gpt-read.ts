/** Reads a GUID partition table that somebody else wrote, and says what is wrong with it. Source: UEFI specification 2.10, chapter 5. */
import { crc32 } from "node:zlib";
import { sectorBytes } from "./gpt.ts";

/** So much of a disk's start and end holds any table that is read here: 1,024 entries of 128 bytes and then some. */
export const gptEdgeBytes = 1024 ** 2;

export interface DiskEdges {
  /** The first bytes of the disk. */
  readonly head: Buffer;
  /** The last bytes of the disk. */
  readonly tail: Buffer;
  readonly diskBytes: number;
}

export interface FoundPartition {
  /** Lower-case, as all GUIDs here. */
  readonly type: string;
  readonly guid: string;
  readonly name: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export type FoundTable = { readonly partitions: readonly FoundPartition[] } | { readonly broken: string };

interface Header {
  readonly own: number;
  readonly other: number;
  readonly entriesSector: number;
  readonly entryCount: number;
  readonly entryBytes: number;
  readonly entriesCrc: number;
}

const smallestHeader = 92;

/** Both copies must be whole and say the same: a disk that was just made has no excuse. */
export function parseGpt({ head, tail, diskBytes }: DiskEdges): FoundTable {
  if (diskBytes % sectorBytes !== 0) return { broken: `its ${diskBytes} bytes are no whole number of sectors` };
  const lastSector = diskBytes / sectorBytes - 1;
  const tailSector = lastSector + 1 - Math.floor(tail.length / sectorBytes);
  const first = readCopy("first", head, { at: 1, startsAt: 0 });
  if ("broken" in first) return first;
  if (first.header.other !== lastSector)
    return { broken: `its first table looks for the copy in sector ${first.header.other}, not the last` };
  const second = readCopy("last", tail, { at: lastSector, startsAt: tailSector });
  if ("broken" in second) return second;
  if (!first.entries.equals(second.entries)) return { broken: "its two tables differ" };
  return partitionsOf(first.entries, first.header.entryBytes, lastSector);
}

interface Place {
  /** Sector of the header. */
  readonly at: number;
  /** Sector that the bytes begin with. */
  readonly startsAt: number;
}

function readCopy(
  which: string,
  bytes: Buffer,
  { at, startsAt }: Place,
): { readonly header: Header; readonly entries: Buffer } | { readonly broken: string } {
  const offset = (at - startsAt) * sectorBytes;
  const sector = bytes.subarray(offset, offset + sectorBytes);
  if (sector.length < sectorBytes || sector.toString("latin1", 0, 8) !== "EFI PART")
    return { broken: `it has no ${which} partition table` };
  const length = sector.readUInt32LE(12);
  const blank = Buffer.from(sector);
  blank.writeUInt32LE(0, 16);
  const whole = length >= smallestHeader && length <= sectorBytes && crc32(blank.subarray(0, length)) === sector.readUInt32LE(16);
  if (!whole) return { broken: `the header of its ${which} partition table has a wrong checksum` };
  const header = parseHeader(sector);
  if (header.own !== at) return { broken: `its ${which} partition table was made for sector ${header.own}` };
  const from = (header.entriesSector - startsAt) * sectorBytes;
  const size = header.entryCount * header.entryBytes;
  const entries = from < 0 ? Buffer.alloc(0) : bytes.subarray(from, from + size);
  const readable = header.entryBytes >= 128 && entries.length === size;
  if (!readable) return { broken: `the entries of its ${which} partition table are not where a table has them` };
  if (crc32(entries) !== header.entriesCrc) return { broken: `the entries of its ${which} partition table have a wrong checksum` };
  return { header, entries };
}

function parseHeader(sector: Buffer): Header {
  return {
    own: Number(sector.readBigUInt64LE(24)),
    other: Number(sector.readBigUInt64LE(32)),
    entriesSector: Number(sector.readBigUInt64LE(72)),
    entryCount: sector.readUInt32LE(80),
    entryBytes: sector.readUInt32LE(84),
    entriesCrc: sector.readUInt32LE(88),
  };
}

function partitionsOf(entries: Buffer, entryBytes: number, lastSector: number): FoundTable {
  const partitions: FoundPartition[] = [];
  for (let at = 0; at < entries.length; at += entryBytes) {
    const entry = entries.subarray(at, at + entryBytes);
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    const first = Number(entry.readBigUInt64LE(32));
    const last = Number(entry.readBigUInt64LE(40));
    const name = entry.toString("utf16le", 56, 128).replace(/\0.*$/s, "");
    if (first > last || last >= lastSector) return { broken: `its partition "${name}" lies beyond the end of the disk` };
    partitions.push({
      type: formatGuid(entry.subarray(0, 16)),
      guid: formatGuid(entry.subarray(16, 32)),
      name,
      offsetBytes: first * sectorBytes,
      sizeBytes: (last - first + 1) * sectorBytes,
    });
  }
  return { partitions };
}

/** The first three groups are stored little-endian. */
function formatGuid(bytes: Buffer): string {
  const turned = Buffer.from(bytes);
  turned.subarray(0, 4).reverse();
  turned.subarray(4, 6).reverse();
  turned.subarray(6, 8).reverse();
  return turned.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
