/** Where everything of a root file system lies: blocks for each file's data and metadata, and its inode's number. */
import { blockBytes, lostAndFoundInode, planGeometry, type BlockRun, type Ext4Geometry } from "../model/ext4-geometry.ts";
import { mebibyte } from "../model/disk-layout.ts";
import type { RootFile, RootFiles } from "./ext4-files.ts";
import { zoneStarts, type RootBins } from "./ext4-bins.ts";
import { binBlocks, binInodes } from "./ext4-items.ts";

export interface FilePlaces {
  inode: number;
  /** In the order of the file's data. */
  readonly data: BlockRun[];
  /** Free to be used for the extent tree and the attributes. */
  readonly metadata: number[];
}

export interface RootPlaces {
  readonly geometry: Ext4Geometry;
  readonly of: ReadonlyMap<RootFile, FilePlaces>;
}

const rootInode = 2;
const bytesPerInode = 16384;

/** The geometry of a file system of this size for these bins. */
export function geometryFor(bins: RootBins, sizeBytes: number): Ext4Geometry {
  const inodes = Math.max((bins.inodeBins + 1) * binInodes, Math.ceil(sizeBytes / bytesPerInode));
  return planGeometry({ sizeBytes, inodes, journalBytes: journalBytes(sizeBytes) });
}

/** Whether all bins fit; with `freeBytes` so many more, and each zone with room to grow. */
export function hasRoom(bins: RootBins, sizeBytes: number, freeBytes?: number): boolean {
  if (sizeBytes < 16 * mebibyte) return false;
  const geometry = geometryFor(bins, sizeBytes);
  if (geometry.taken.some(({ start, count }) => start + count > geometry.blocks)) return false;
  if (geometry.groups * geometry.inodesPerGroup < (bins.inodeBins + 1) * binInodes) return false;
  const wanted =
    freeBytes === undefined
      ? bins.blockBins
      : Math.max(zoneStarts(bins, "ample").total, bins.blockBins + Math.ceil(freeBytes / (binBlocks * blockBytes)));
  return binStarts(geometry, wanted).length === wanted;
}

function journalBytes(rootBytes: number): number {
  if (rootBytes < 128 * mebibyte) return 4 * mebibyte;
  if (rootBytes < 1024 * mebibyte) return 16 * mebibyte;
  return rootBytes < 8 * 1024 * mebibyte ? 64 * mebibyte : 128 * mebibyte;
}

/** The first `wanted` stretches of 512 KiB, aligned as on the disk, that hold nothing of the file system's own. */
export function binStarts(geometry: Ext4Geometry, wanted: number): number[] {
  const taken = [...geometry.taken].sort((a, b) => a.start - b.start);
  const starts: number[] = [];
  let next = 0;
  let run = 0;
  while (starts.length < wanted && next + binBlocks <= geometry.blocks) {
    const one = taken[run];
    if (one !== undefined && one.start + one.count <= next) run++;
    else if (one !== undefined && one.start < next + binBlocks) next = Math.ceil((one.start + one.count) / binBlocks) * binBlocks;
    else {
      starts.push(next);
      next += binBlocks;
    }
  }
  return starts;
}

/** Undefined when they do not fit. */
export function placeFiles({ files, lostAndFound }: RootFiles, bins: RootBins, sizeBytes: number): RootPlaces | undefined {
  const geometry = geometryFor(bins, sizeBytes);
  const ample = zoneStarts(bins, "ample");
  const starts = binStarts(geometry, ample.total);
  const zones = starts.length < ample.total ? zoneStarts(bins, "close") : ample;
  if (starts.length < zones.total) return undefined;
  const of = new Map<RootFile, FilePlaces>(files.map((file) => [file, { inode: rootInode, data: [], metadata: [] }]));
  bins.zones.forEach(({ items }, zone) => {
    for (const { item, place } of items) {
      let at = ((zones.starts[zone] ?? 0) + place.bin) * binBlocks + place.offset;
      for (const { file, use, blocks } of item.members) {
        giveBlocks(of.get(file), use, physicalRuns(starts, at, blocks));
        at += blocks;
      }
    }
  });
  for (const { item, place } of bins.inodes) {
    const first = (place.bin + 1) * binInodes + place.offset + 1;
    item.members.forEach((file, offset) => setInode(of.get(file), first + offset));
  }
  setInode(of.get(lostAndFound), lostAndFoundInode);
  return { geometry, of };
}

function giveBlocks(places: FilePlaces | undefined, use: "data" | "metadata", runs: readonly BlockRun[]): void {
  if (use === "data") runs.forEach((run) => addRun(places?.data ?? [], run));
  else places?.metadata.push(...runs.flatMap(blocksOf));
}

function setInode(places: FilePlaces | undefined, inode: number): void {
  if (places !== undefined) places.inode = inode;
}

/** `at` counts blocks of bins. */
function physicalRuns(starts: readonly number[], at: number, blocks: number): BlockRun[] {
  const runs: BlockRun[] = [];
  for (let done = 0; done < blocks;) {
    const inBin = (at + done) % binBlocks;
    const count = Math.min(blocks - done, binBlocks - inBin);
    runs.push({ start: (starts[Math.floor((at + done) / binBlocks)] ?? 0) + inBin, count });
    done += count;
  }
  return runs;
}

function addRun(runs: BlockRun[], run: BlockRun): void {
  const last = runs.at(-1);
  if (last !== undefined && last.start + last.count === run.start)
    runs[runs.length - 1] = { start: last.start, count: last.count + run.count };
  else runs.push(run);
}

function blocksOf({ start, count }: BlockRun): number[] {
  return Array.from({ length: count }, (_, index) => start + index);
}
