/**
 * Where an ext4 file system keeps its own data: superblocks, group descriptors with room to grow, bitmaps, inode tables,
 * journal. All of it lies in front, so that the rest is one stretch for files, but for the copies of the superblock.
 * Source: the kernel's Documentation/filesystems/ext4.
 */

export const blockBytes = 4096;
export const blocksPerGroup = 32768;
export const inodeBytes = 256;
export const descriptorBytes = 64;
/** Descriptors for another 2 TiB, so that the file system can grow while it is mounted. */
export const reservedDescriptorBlocks = 256;
/** Inodes 1 to 10 have meanings of their own; the next is `lost+found`. */
export const lostAndFoundInode = 11;
export const inodesPerBlock = blockBytes / inodeBytes;

/** In blocks. */
export interface BlockRun {
  readonly start: number;
  readonly count: number;
}

export interface Ext4Geometry {
  readonly blocks: number;
  readonly groups: number;
  readonly inodesPerGroup: number;
  readonly descriptorBlocks: number;
  /** Groups that begin with a superblock and descriptors; the first is 0. */
  readonly superblockGroups: readonly number[];
  /** First block of each group's. */
  readonly blockBitmaps: BlockRun;
  readonly inodeBitmaps: BlockRun;
  readonly inodeTables: readonly number[];
  readonly inodeTableBlocks: number;
  /** Of the inode through which the descriptors grow. */
  readonly resizeBlock: number;
  readonly journal: BlockRun;
  /** All blocks that the above takes. */
  readonly taken: readonly BlockRun[];
}

export interface GeometryRequest {
  readonly sizeBytes: number;
  /** At least so many. */
  readonly inodes: number;
  readonly journalBytes: number;
}

export function planGeometry({ sizeBytes, inodes, journalBytes }: GeometryRequest): Ext4Geometry {
  const blocks = usableBlocks(Math.floor(sizeBytes / blockBytes));
  const groups = Math.ceil(blocks / blocksPerGroup);
  const descriptorBlocks = descriptorBlocksOf(groups);
  const superblockGroups = Array.from({ length: groups }, (_, group) => group).filter(hasSuperblock);
  const superblocks = superblockGroups.map((group) => ({
    start: group * blocksPerGroup,
    count: 1 + descriptorBlocks + reservedDescriptorBlocks,
  }));
  const take = taker(superblocks);
  const resizeBlock = take(1);
  const blockBitmaps = { start: take(groups), count: groups };
  const inodeBitmaps = { start: take(groups), count: groups };
  const inodesPerGroup = Math.min(8 * blockBytes, Math.ceil(inodes / groups / 64) * 64);
  const inodeTableBlocks = inodesPerGroup / inodesPerBlock;
  const inodeTables = Array.from({ length: groups }, () => take(inodeTableBlocks));
  const journalBlocks = journalBytes / blockBytes;
  const journal = { start: take(journalBlocks), count: journalBlocks };
  const tables = inodeTables.map((start) => ({ start, count: inodeTableBlocks }));
  const taken = [...superblocks, { start: resizeBlock, count: 1 }, blockBitmaps, inodeBitmaps, ...tables, journal];
  const places = { blockBitmaps, inodeBitmaps, inodeTables, inodeTableBlocks, resizeBlock, journal };
  return { blocks, groups, inodesPerGroup, descriptorBlocks, superblockGroups, ...places, taken };
}

/** A last group that could not hold its own superblock is left out. */
function usableBlocks(blocks: number): number {
  const rest = blocks % blocksPerGroup;
  const needed = 2 + descriptorBlocksOf(Math.ceil(blocks / blocksPerGroup)) + reservedDescriptorBlocks + 64;
  return blocks > blocksPerGroup && rest < needed ? blocks - rest : blocks;
}

function descriptorBlocksOf(groups: number): number {
  return Math.ceil((groups * descriptorBytes) / blockBytes);
}

/** Groups 0 and 1, and the powers of 3, 5 and 7. */
function hasSuperblock(group: number): boolean {
  return group <= 1 || [3, 5, 7].some((base) => isPower(group, base));
}

function isPower(value: number, base: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}

/** Takes runs of blocks from the front, around the superblocks. */
function taker(superblocks: readonly BlockRun[]): (count: number) => number {
  let next = 0;
  return (count) => {
    for (const { start, count: length } of superblocks) {
      if (next < start + length && start < next + count) next = start + length;
    }
    const start = next;
    next += count;
    return start;
  };
}
