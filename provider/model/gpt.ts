/** GUID partition tables as bytes. Source: UEFI specification 2.10, chapter 5. */
import { crc32 } from "node:zlib";

export const sectorBytes = 512;
const entryBytes = 128;
const entryCount = 128;
const headerBytes = 92;
const entrySectors = (entryBytes * entryCount) / sectorBytes;

/** The sectors that the copy at the end of the disk takes: the entries, then the header. */
export const backupSectors = entrySectors + 1;
/** The first sector that a partition may use. */
export const firstUsableSector = backupSectors + 1;

export const espType = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

/** Discoverable root partitions by OCI architecture. Source: UAPI group, discoverable partitions specification. */
const rootTypes: Readonly<Record<string, string>> = {
  amd64: "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
  arm64: "b921b045-1df0-41c3-af44-4c6f280d3fae",
  arm: "69dad710-2ce4-4e3c-b16c-21a1d49abed3",
  riscv64: "72ec70a6-cf74-40e6-bd49-4bda08e8f224",
};

/** Undefined for an architecture that has no root type here. */
export function rootType(architecture: string): string | undefined {
  return rootTypes[architecture];
}

/** Attribute bit 59: whoever mounts the file system may grow it to its partition. */
export const growFileSystem = 1n << 59n;

export interface Partition {
  readonly type: string;
  readonly guid: string;
  readonly name: string;
  readonly firstSector: number;
  /** Inclusive, as in the table. */
  readonly lastSector: number;
  readonly attributes?: bigint;
}

export interface PartitionTable {
  readonly diskGuid: string;
  readonly diskSectors: number;
  readonly partitions: readonly Partition[];
}

/** The bytes for the first and for the last sectors of the disk. */
export function formatGpt(table: PartitionTable): { readonly primary: Buffer; readonly backup: Buffer } {
  const entries = Buffer.alloc(entryBytes * entryCount);
  table.partitions.forEach((partition, index) => formatEntry(partition).copy(entries, index * entryBytes));
  const last = table.diskSectors - 1;
  const header = formatHeader(table, entries);
  const primary = placeHeader(header, { own: 1, other: last, entries: 2 });
  const backup = placeHeader(header, { own: last, other: 1, entries: last - entrySectors });
  return {
    primary: Buffer.concat([protectiveMbr(table.diskSectors), primary, entries]),
    backup: Buffer.concat([entries, backup]),
  };
}

/** GUIDs are stored with their first three groups little-endian. */
export function guidBytes(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll("-", ""), "hex");
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

function formatEntry(partition: Partition): Buffer {
  const entry = Buffer.alloc(entryBytes);
  guidBytes(partition.type).copy(entry, 0);
  guidBytes(partition.guid).copy(entry, 16);
  entry.writeBigUInt64LE(BigInt(partition.firstSector), 32);
  entry.writeBigUInt64LE(BigInt(partition.lastSector), 40);
  entry.writeBigUInt64LE(partition.attributes ?? 0n, 48);
  entry.write(partition.name, 56, 72, "utf16le");
  return entry;
}

/** What both copies have in common. */
function formatHeader(table: PartitionTable, entries: Buffer): Buffer {
  const sector = Buffer.alloc(sectorBytes);
  sector.write("EFI PART", 0, "latin1");
  sector.writeUInt32LE(0x00010000, 8);
  sector.writeUInt32LE(headerBytes, 12);
  sector.writeBigUInt64LE(BigInt(firstUsableSector), 40);
  sector.writeBigUInt64LE(BigInt(table.diskSectors - backupSectors - 1), 48);
  guidBytes(table.diskGuid).copy(sector, 56);
  sector.writeUInt32LE(entryCount, 80);
  sector.writeUInt32LE(entryBytes, 84);
  sector.writeUInt32LE(crc32(entries), 88);
  return sector;
}

interface Places {
  readonly own: number;
  readonly other: number;
  readonly entries: number;
}

function placeHeader(header: Buffer, places: Places): Buffer {
  const sector = Buffer.from(header);
  sector.writeBigUInt64LE(BigInt(places.own), 24);
  sector.writeBigUInt64LE(BigInt(places.other), 32);
  sector.writeBigUInt64LE(BigInt(places.entries), 72);
  sector.writeUInt32LE(0, 16);
  sector.writeUInt32LE(crc32(sector.subarray(0, headerBytes)), 16);
  return sector;
}

/** One partition of type 0xEE over the whole disk keeps tools that know no GPT from writing on it. */
function protectiveMbr(diskSectors: number): Buffer {
  const sector = Buffer.alloc(sectorBytes);
  sector.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446);
  sector.writeUInt32LE(1, 454);
  sector.writeUInt32LE(Math.min(diskSectors - 1, 0xffffffff), 458);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

export interface GrownGpt {
  /** Replaces the first bytes of the disk. */
  readonly primary: Buffer;
  /** The last bytes of the larger disk. */
  readonly backup: Buffer;
}

/** The same table for a disk that became larger: the copy at its end moves there, and partitions may use the room. */
export function growGpt(primary: Buffer, diskSectors: number): GrownGpt {
  const header = Buffer.from(primary.subarray(sectorBytes, 2 * sectorBytes));
  const entries = primary.subarray(2 * sectorBytes, (2 + entrySectors) * sectorBytes);
  const last = diskSectors - 1;
  header.writeBigUInt64LE(BigInt(last - backupSectors), 48);
  const own = placeHeader(header, { own: 1, other: last, entries: 2 });
  const other = placeHeader(header, { own: last, other: 1, entries: last - entrySectors });
  return { primary: Buffer.concat([protectiveMbr(diskSectors), own, entries]), backup: Buffer.concat([entries, other]) };
}
