/** Where things lie on a disk: a GPT, a partition to start from, and the root partition last, so that it can grow. */
import { sectorBytes } from "./gpt.ts";

export const mebibyte = 1024 ** 2;
export const blockBytes = 4096;

/** What a root file system has to hold. */
export interface ContentSize {
  /** Blocks of 4 KiB for file bodies, long link targets and extended attributes. */
  readonly dataBlocks: number;
  readonly directoryBlocks: number;
  readonly inodes: number;
}

export interface Extent {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export interface DiskLayout {
  readonly diskBytes: number;
  readonly esp: Extent;
  readonly root: Extent;
  /** So many that the content has as many again. */
  readonly inodes: number;
  readonly journalBytes: number;
}

/** Copies of the partition table: one MiB at each end keeps everything aligned. */
const edgeBytes = mebibyte;
const inodeBytes = 256;
/** FAT32 wants at least 65,525 clusters; with 512-byte clusters that is 33 MiB. */
const smallestEspBytes = 64 * mebibyte;
const largestBytesPerInode = 16384;

/** The layout for a disk of the wanted size, or of the content's size plus slack when none is wanted. */
export function planLayout(content: ContentSize, espContentBytes: number, wantedBytes?: number): DiskLayout {
  const espBytes = Math.max(smallestEspBytes, alignUp(espContentBytes * 1.25 + 16 * mebibyte));
  const fixedBytes = 2 * edgeBytes + espBytes;
  const needed = neededRootBytes(content);
  const wanted = wantedBytes === undefined ? undefined : alignDown(wantedBytes - fixedBytes);
  const rootBytes = wanted ?? needed + slackBytes(needed);
  const esp = { offsetBytes: edgeBytes, sizeBytes: espBytes };
  const root = { offsetBytes: edgeBytes + espBytes, sizeBytes: rootBytes };
  const inodes = inodeCount(content, rootBytes);
  return { diskBytes: fixedBytes + rootBytes, esp, root, inodes, journalBytes: journalBytes(rootBytes) };
}

/** The smallest disk that the content fits on, for the message that refuses a smaller one. */
export function smallestDiskBytes(content: ContentSize, espContentBytes: number): number {
  const layout = planLayout(content, espContentBytes);
  return layout.root.offsetBytes + neededRootBytes(content) + edgeBytes;
}

/** About what a sparse file of the disk takes: journal and inode tables are not written when it is made. */
export function allocatedBytes(layout: DiskLayout, content: ContentSize, espContentBytes: number): number {
  const fatBytes = (layout.esp.sizeBytes / 512) * 4 * 2;
  const groupBytes = layout.root.sizeBytes / 512;
  const blocks = content.dataBlocks + content.directoryBlocks + Math.ceil((content.inodes * inodeBytes) / blockBytes);
  return blocks * blockBytes + espContentBytes + fatBytes + groupBytes + mebibyte;
}

/** Room for logs and packages: a tenth, at least 256 MiB. */
function slackBytes(needed: number): number {
  return Math.max(256 * mebibyte, alignUp(needed / 10));
}

function inodeCount(content: ContentSize, rootBytes: number): number {
  return Math.max(2 * content.inodes + 1024, Math.ceil(rootBytes / largestBytesPerInode));
}

/** Content, inode tables, journal, group descriptors and the blocks reserved for them to grow, and 1% kept for root. */
function neededRootBytes(content: ContentSize): number {
  const contentBytes = (content.dataBlocks + content.directoryBlocks) * blockBytes;
  const tables = (bytes: number): number => inodeCount(content, bytes) * inodeBytes;
  const rough = contentBytes + tables(contentBytes) + journalBytes(contentBytes);
  const overheadBytes = tables(rough) + journalBytes(rough * 1.05) + rough * 0.02 + 8 * mebibyte;
  return alignUp(contentBytes + overheadBytes);
}

function journalBytes(rootBytes: number): number {
  if (rootBytes < 128 * mebibyte) return 4 * mebibyte;
  if (rootBytes < 1024 * mebibyte) return 16 * mebibyte;
  return rootBytes < 8 * 1024 * mebibyte ? 64 * mebibyte : 128 * mebibyte;
}

export function sectorsOf(extent: Extent): { readonly firstSector: number; readonly lastSector: number } {
  const firstSector = extent.offsetBytes / sectorBytes;
  return { firstSector, lastSector: firstSector + extent.sizeBytes / sectorBytes - 1 };
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / mebibyte) * mebibyte;
}

function alignDown(bytes: number): number {
  return Math.floor(bytes / mebibyte) * mebibyte;
}
