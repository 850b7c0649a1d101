/** FAT32 file systems as extents: every file lies in one piece, in the given order, in a room that small changes do not move. */
import { Failure } from "../failure.ts";
import type { DiskExtent, MemoryExtent, StoredBytes } from "./disk-extent.ts";
import type { FatEntry } from "./fat-entries.ts";
import { folderBytes, folderSize, foldersOf, isFolder, type Folder } from "./fat-folders.ts";
import { clusterOffset, firstCluster, planFat32, type FatGeometry } from "./fat-geometry.ts";
import { volumeSectors } from "./fat-sectors.ts";
import { sectorBytes } from "./gpt.ts";

export interface FatFile {
  /** With forward slashes; folders come into being by it. */
  readonly path: string;
  readonly content: Uint8Array | StoredBytes;
}

export interface Fat32 {
  /** Of the partition; at least 34 MiB. */
  readonly sizeBytes: number;
  /** 8 hex digits. */
  readonly serial: string;
  /** Up to 11 capital letters, digits, dashes and underscores. */
  readonly label: string;
  /** Of every file and folder. */
  readonly epochSeconds: number;
  readonly files: readonly FatFile[];
}

type Item = Folder<FatFile> | FatFile;

/** The clusters that something fills; the rest of its room behind them is free. */
interface Place {
  readonly cluster: number;
  readonly clusters: number;
}

interface Placement {
  readonly geometry: FatGeometry;
  readonly places: ReadonlyMap<Item, Place>;
  /** Behind the last room. */
  readonly nextCluster: number;
}

const endOfChain = 0x0fff_ffff;
const largestFileBytes = 2 ** 32 - 1;
const leastRoomBytes = 4096;

/**
 * What to write where, `at` relative to the partition and ascending; everything else is zero. Folders come first, then
 * the files in their order, so what changes often belongs last.
 */
export function formatFat32(volume: Fat32): DiskExtent[] {
  const { label, epochSeconds, files } = volume;
  const folders = foldersOf(files);
  const placement = placeAll(folders, volume);
  const entryOf = (item: Item): FatEntry => ({ ...entryFor(item, placement), epochSeconds });
  return [
    ...describeVolume(volume, placement),
    ...folders.map((folder) => ({ at: offsetOf(folder, placement), bytes: folderBytes(folder, { label, epochSeconds, entryOf }) })),
    ...files.flatMap((file) => contentExtents(file.content, offsetOf(file, placement))),
  ];
}

/**
 * The room for so many bytes: the next of the eight steps from one power of two to the next, and at least 4 KiB. What
 * grows moves its followers only when it crosses a step.
 */
export function roomBytes(sizeBytes: number): number {
  const octave = 2 ** Math.floor(Math.log2(Math.max(sizeBytes, 1)));
  const step = Math.max(leastRoomBytes, octave / 8);
  return Math.max(leastRoomBytes, Math.ceil(sizeBytes / step) * step);
}

function placeAll(folders: readonly Folder<FatFile>[], { sizeBytes, files }: Fat32): Placement {
  const geometry = planFat32(sizeBytes);
  const places = new Map<Item, Place>();
  let nextCluster = firstCluster;
  for (const item of [...folders, ...files]) {
    const itemBytes = isFolder(item) ? folderSize(item) : fileSize(item);
    places.set(item, { cluster: nextCluster, clusters: Math.ceil(itemBytes / geometry.clusterBytes) });
    nextCluster += roomBytes(itemBytes) / geometry.clusterBytes;
  }
  const neededBytes = clusterOffset(geometry, nextCluster);
  if (neededBytes > sizeBytes) throw tooFull(neededBytes, sizeBytes);
  return { geometry, places, nextCluster };
}

function placeOf(item: Item, { places }: Placement): Place {
  return places.get(item) ?? { cluster: 0, clusters: 0 };
}

function offsetOf(item: Item, placement: Placement): number {
  return clusterOffset(placement.geometry, placeOf(item, placement).cluster);
}

/** The top folder as a parent, and a file without a byte, have no cluster. */
function entryFor(item: Item, placement: Placement): Omit<FatEntry, "epochSeconds"> {
  const { cluster, clusters } = placeOf(item, placement);
  if (isFolder(item)) return { kind: "directory", cluster: item.parent === undefined ? 0 : cluster, sizeBytes: 0 };
  return { kind: "file", cluster: clusters === 0 ? 0 : cluster, sizeBytes: fileSize(item) };
}

/** The sectors in front, and both tables. */
function describeVolume(volume: Fat32, { geometry, places, nextCluster }: Placement): MemoryExtent[] {
  const table = Buffer.alloc(nextCluster * 4);
  table.writeUInt32LE(0x0fff_fff8, 0);
  table.writeUInt32LE(endOfChain, 4);
  let usedClusters = 0;
  for (const { cluster, clusters } of places.values()) {
    const last = cluster + clusters - 1;
    for (let at = cluster; at <= last; at++) table.writeUInt32LE(at === last ? endOfChain : at + 1, at * 4);
    usedClusters += clusters;
  }
  const tableBytes = geometry.tableSectors * sectorBytes;
  const at = geometry.reservedSectors * sectorBytes;
  return [
    ...volumeSectors(geometry, volume, { usedClusters, nextCluster: Math.min(nextCluster, geometry.clusters + 1) }),
    { at, bytes: table },
    { at: at + tableBytes, bytes: table },
  ];
}

function contentExtents(content: Uint8Array | StoredBytes, at: number): DiskExtent[] {
  if (!(content instanceof Uint8Array)) return content.pieces.map(({ offset, length, from }) => ({ at: at + offset, length, from }));
  return content.length === 0 ? [] : [{ at, bytes: content }];
}

function fileSize({ path, content }: FatFile): number {
  const sizeBytes = content instanceof Uint8Array ? content.length : content.sizeBytes;
  if (sizeBytes <= largestFileBytes) return sizeBytes;
  throw new Failure({
    kind: "input",
    code: "fat-file-size",
    message: `${JSON.stringify(path)} has ${sizeBytes} bytes, and the EFI system partition takes files of less than 4 GiB. Nothing was written.`,
    fix: "make it smaller in the image.",
  });
}

function tooFull(neededBytes: number, sizeBytes: number): Failure {
  return new Failure({
    kind: "bug",
    message: `The EFI system partition needs ${neededBytes} bytes with room for its files to grow, and was planned with ${sizeBytes}.`,
  });
}
