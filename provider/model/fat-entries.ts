/** Directory entries of FAT as bytes. Source: as `fat-geometry.ts`, "FAT directory structure". */
import type { FatName } from "./fat-names.ts";

export const entryBytes = 32;
const readOnly = 0x01;
const hidden = 0x02;
const system = 0x04;
const volumeLabel = 0x08;
const directory = 0x10;
const archive = 0x20;
const longName = readOnly | hidden | system | volumeLabel;
const lastOfName = 0x40;
/** Where a long entry keeps its 13 characters. */
const characterPlaces = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

export interface FatEntry {
  readonly kind: "file" | "directory";
  /** 0 for an empty file, and for the top folder as a parent. */
  readonly cluster: number;
  /** 0 for a directory. */
  readonly sizeBytes: number;
  readonly epochSeconds: number;
}

export function labelEntry(label: string, epochSeconds: number): Buffer {
  const entry = Buffer.alloc(entryBytes);
  entry.write(label.padEnd(11), 0, "latin1");
  entry[11] = volumeLabel;
  const { date, time } = dosTime(epochSeconds);
  entry.writeUInt16LE(time, 22);
  entry.writeUInt16LE(date, 24);
  return entry;
}

/** A directory's own entry and its parent's. */
export function dotEntries(own: FatEntry, parent: FatEntry): Buffer {
  return Buffer.concat([shortEntry(".".padEnd(11), own), shortEntry("..".padEnd(11), parent)]);
}

/** The parts of a long name lie before the short one, the last part first. */
export function namedEntry({ short, long }: FatName, entry: FatEntry): Buffer {
  return Buffer.concat([...(long === undefined ? [] : longEntries(long, shortChecksum(short))), shortEntry(short, entry)]);
}

function shortEntry(short: string, { kind, cluster, sizeBytes, epochSeconds }: FatEntry): Buffer {
  const entry = Buffer.alloc(entryBytes);
  const { date, time, hundredths } = dosTime(epochSeconds);
  entry.write(short, 0, "latin1");
  entry[11] = kind === "directory" ? directory : archive;
  entry[13] = hundredths;
  entry.writeUInt16LE(time, 14);
  entry.writeUInt16LE(date, 16);
  entry.writeUInt16LE(date, 18);
  entry.writeUInt16LE(cluster >>> 16, 20);
  entry.writeUInt16LE(time, 22);
  entry.writeUInt16LE(date, 24);
  entry.writeUInt16LE(cluster & 0xffff, 26);
  entry.writeUInt32LE(sizeBytes, 28);
  return entry;
}

function longEntries(long: string, checksum: number): Buffer[] {
  const count = Math.ceil(long.length / characterPlaces.length);
  const entries = Array.from({ length: count }, (_, index) => {
    const entry = Buffer.alloc(entryBytes);
    entry[0] = (index + 1) | (index === count - 1 ? lastOfName : 0);
    entry[11] = longName;
    entry[13] = checksum;
    characterPlaces.forEach((place, offset) => {
      const at = index * characterPlaces.length + offset;
      // The first place that is left over holds 0, the others all ones.
      entry.writeUInt16LE(at < long.length ? long.charCodeAt(at) : at === long.length ? 0 : 0xffff, place);
    });
    return entry;
  });
  return entries.reverse();
}

function shortChecksum(short: string): number {
  return Buffer.from(short, "latin1").reduce((sum, byte) => (((sum & 1) << 7) + (sum >>> 1) + byte) & 0xff, 0);
}

interface DosTime {
  readonly date: number;
  /** In steps of two seconds. */
  readonly time: number;
  readonly hundredths: number;
}

const firstSecond = Date.UTC(1980, 0, 1) / 1000;
const lastSecond = Date.UTC(2108, 0, 1) / 1000 - 1;

/** In UTC, since FAT knows no time zones; the nearest that it can say. */
export function dosTime(epochSeconds: number): DosTime {
  const moment = new Date(Math.min(Math.max(epochSeconds, firstSecond), lastSecond) * 1000);
  return {
    date: ((moment.getUTCFullYear() - 1980) << 9) | ((moment.getUTCMonth() + 1) << 5) | moment.getUTCDate(),
    time: (moment.getUTCHours() << 11) | (moment.getUTCMinutes() << 5) | (moment.getUTCSeconds() >>> 1),
    hundredths: (moment.getUTCSeconds() % 2) * 100,
  };
}
