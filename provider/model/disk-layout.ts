/** Where things lie on a disk: a GPT, a partition to start from, and the root partition last, so that it can grow. */
import { sectorBytes } from "./gpt.ts";

export const mebibyte = 1024 ** 2;

/**
 * Grows when the same image and options would become other bytes. It is recorded with a disk and no part of what identifies
 * one: an upgrade of the provider then costs one larger difference, and not every disk again.
 */
export const layoutVersion = 1;

export interface Extent {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export interface DiskLayout {
  readonly diskBytes: number;
  readonly esp: Extent;
  readonly root: Extent;
}

/** Copies of the partition table: one MiB at each end keeps everything aligned. */
const edgeBytes = mebibyte;
/** FAT32 wants at least 65,525 clusters; with 512-byte clusters that is 33 MiB. */
const smallestEspBytes = 64 * mebibyte;

/** All sizes are whole MiB. */
export function planLayout(espContentBytes: number, rootBytes: number): DiskLayout {
  const esp = { offsetBytes: edgeBytes, sizeBytes: espBytes(espContentBytes) };
  const root = { offsetBytes: edgeBytes + esp.sizeBytes, sizeBytes: alignUp(rootBytes) };
  return { diskBytes: root.offsetBytes + root.sizeBytes + edgeBytes, esp, root };
}

/** What is left for the root partition on a disk of that size; less than nothing when it is too small. */
export function rootBytesOn(diskBytes: number, espContentBytes: number): number {
  return Math.floor(diskBytes / mebibyte) * mebibyte - 2 * edgeBytes - espBytes(espContentBytes);
}

/**
 * A power of two: where the root partition begins depends on it, and a larger initramfs must not move all that is behind.
 * A quarter and 16 MiB more than it holds, for a second kernel's first files and for firmware that keeps its own there.
 */
function espBytes(contentBytes: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(smallestEspBytes, contentBytes * 1.25 + 16 * mebibyte)));
}

export function sectorsOf(extent: Extent): { readonly firstSector: number; readonly lastSector: number } {
  const firstSector = extent.offsetBytes / sectorBytes;
  return { firstSector, lastSector: firstSector + extent.sizeBytes / sectorBytes - 1 };
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / mebibyte) * mebibyte;
}
