/** What ext4 keeps of itself: superblocks, descriptors, bitmaps, the journal and the inode through which it grows. */
import { crc32c } from "../model/crc32c.ts";
import type { MemoryExtent } from "../model/disk-extent.ts";
import { formatExtentTree, type FileExtent } from "../model/ext4-extents.ts";
import { blockBytes, blocksPerGroup, reservedDescriptorBlocks, type BlockRun, type Ext4Geometry } from "../model/ext4-geometry.ts";
import { fileTypes, mapBytes, type Ext4Inode } from "../model/ext4-inode.ts";
import { checksumSeed, formatDescriptor, formatSuperblock, journalInode } from "../model/ext4-superblock.ts";

/** What is in use, as bits. */
export class Ext4Usage {
  readonly #geometry: Ext4Geometry;
  readonly #blocks: Buffer;
  readonly #inodes: Buffer;
  readonly #directories: number[];

  constructor(geometry: Ext4Geometry) {
    this.#geometry = geometry;
    this.#blocks = Buffer.alloc(geometry.groups * blockBytes);
    this.#inodes = Buffer.alloc((geometry.groups * geometry.inodesPerGroup) / 8);
    this.#directories = Array.from({ length: geometry.groups }, () => 0);
    for (const run of geometry.taken) this.takeBlocks(run);
    for (let inode = 1; inode <= 10; inode++) this.takeInode(inode, false);
  }

  takeBlocks({ start, count }: BlockRun): void {
    for (let block = start; block < start + count;) {
      if (block % 8 === 0 && start + count - block >= 8) {
        this.#blocks[block / 8] = 0xff;
        block += 8;
      } else {
        setBit(this.#blocks, block);
        block++;
      }
    }
  }

  takeInode(inode: number, isDirectory: boolean): void {
    setBit(this.#inodes, inode - 1);
    const group = Math.floor((inode - 1) / this.#geometry.inodesPerGroup);
    if (isDirectory) this.#directories[group] = (this.#directories[group] ?? 0) + 1;
  }

  group(group: number): GroupUsage {
    const { blocks, inodesPerGroup } = this.#geometry;
    const blockBitmap = this.#blocks.subarray(group * blockBytes, (group + 1) * blockBytes);
    const inodeBytes = inodesPerGroup / 8;
    const inodeBitmap = this.#inodes.subarray(group * inodeBytes, (group + 1) * inodeBytes);
    const blocksHere = Math.min(blocksPerGroup, blocks - group * blocksPerGroup);
    return {
      blockBitmap,
      inodeBitmap,
      blocksHere,
      freeBlocks: blocksHere - countBits(blockBitmap),
      freeInodes: inodesPerGroup - countBits(inodeBitmap),
      unusedInodes: inodesPerGroup - lastBit(inodeBitmap) - 1,
      directories: this.#directories[group] ?? 0,
    };
  }
}

interface GroupUsage {
  readonly blockBitmap: Buffer;
  readonly inodeBitmap: Buffer;
  readonly blocksHere: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
  readonly unusedInodes: number;
  readonly directories: number;
}

function setBit(bits: Buffer, index: number): void {
  bits[index >>> 3] = (bits[index >>> 3] ?? 0) | (1 << (index & 7));
}

const bitsInByte = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll("0", "").length);

function countBits(bits: Buffer): number {
  let count = 0;
  for (const byte of bits) count += bitsInByte[byte] ?? 0;
  return count;
}

function lastBit(bits: Buffer): number {
  for (let at = bits.length - 1; at >= 0; at--) if (bits[at] !== 0) return at * 8 + 31 - Math.clz32(bits[at] ?? 0);
  return -1;
}

export interface Identity {
  readonly uuid: string;
  readonly epochSeconds: number;
}

/** Superblocks, descriptors and bitmaps; the journal's inode must be known. */
export function formatGroups(geometry: Ext4Geometry, usage: Ext4Usage, identity: Identity): MemoryExtent[] {
  const extents: MemoryExtent[] = [];
  const put = (block: number, bytes: Uint8Array): void => void extents.push({ at: block * blockBytes, bytes });
  const descriptors = Buffer.alloc(geometry.descriptorBlocks * blockBytes);
  let freeBlocks = 0;
  let freeInodes = 0;
  for (let group = 0; group < geometry.groups; group++) {
    const used = usage.group(group);
    freeBlocks += used.freeBlocks;
    freeInodes += used.freeInodes;
    const blockBitmap = paddedBitmap(used.blockBitmap, used.blocksHere);
    const inodeBitmap = paddedBitmap(used.inodeBitmap, geometry.inodesPerGroup);
    const places = {
      blockBitmap: geometry.blockBitmaps.start + group,
      inodeBitmap: geometry.inodeBitmaps.start + group,
      inodeTable: geometry.inodeTables[group] ?? 0,
    };
    put(places.blockBitmap, blockBitmap);
    if (used.unusedInodes < geometry.inodesPerGroup) put(places.inodeBitmap, inodeBitmap);
    const checksums = {
      blockBitmapChecksum: crc32c(checksumSeed, blockBitmap),
      inodeBitmapChecksum: crc32c(checksumSeed, used.inodeBitmap),
    };
    formatDescriptor({ group, ...used, ...places, ...checksums }, geometry.inodesPerGroup).copy(descriptors, group * 64);
  }
  const journalMap = journalTree(geometry);
  for (const group of geometry.superblockGroups) {
    const superblock = formatSuperblock({ geometry, ...identity, freeBlocks, freeInodes, journalMap }, group);
    extents.push({ at: group * blocksPerGroup * blockBytes + (group === 0 ? 1024 : 0), bytes: superblock });
    put(group * blocksPerGroup + 1, descriptors);
  }
  return extents;
}

/** Bits beyond the group's end are set. */
function paddedBitmap(bitmap: Buffer, bits: number): Buffer {
  const padded = Buffer.alloc(blockBytes, 0xff);
  bitmap.copy(padded, 0, 0, Math.ceil(bits / 8));
  if (bits % 8 !== 0) padded[bits >>> 3] = (padded[bits >>> 3] ?? 0) | (0xff << (bits & 7));
  return padded;
}

function journalExtents({ journal }: Ext4Geometry): FileExtent[] {
  return [{ logical: 0, ...journal }];
}

function journalTree(geometry: Ext4Geometry): Uint8Array {
  return formatExtentTree(journalInode, journalExtents(geometry), []).map;
}

/** The journal's first block; the others are zero. Source: the kernel's Documentation/filesystems/ext4/journal.rst. */
export function formatJournal({ journal }: Ext4Geometry): MemoryExtent {
  const bytes = Buffer.alloc(1024);
  for (const [at, value] of [0xc03b3998, 4, 0, blockBytes, journal.count, 1, 1].entries()) bytes.writeUInt32BE(value, at * 4);
  bytes.writeUInt32BE(1, 0x40);
  return { at: journal.start * blockBytes, bytes };
}

export function journalInodeOf(geometry: Ext4Geometry, epochSeconds: number): Ext4Inode {
  const blocks = geometry.journal.count;
  return {
    ...internalInode(journalInode, epochSeconds),
    sizeBytes: blocks * blockBytes,
    blocks,
    map: journalTree(geometry),
    mapHasExtents: true,
  };
}

const resizeInode = 7;
const pointersPerBlock = blockBytes / 4;
const doublyIndirect = 13;

/**
 * The inode that owns the blocks kept for more descriptors: its doubly indirect block points to those behind the first
 * superblock, and each of them to its copies behind the others. Source: e2fsprogs, lib/ext2fs/res_gdt.c.
 */
export function formatResizeInode(
  geometry: Ext4Geometry,
  epochSeconds: number,
): { readonly inode: Ext4Inode; readonly extents: readonly MemoryExtent[] } {
  const { descriptorBlocks, superblockGroups, resizeBlock } = geometry;
  const indirect = Buffer.alloc(blockBytes);
  const extents: MemoryExtent[] = [{ at: resizeBlock * blockBytes, bytes: indirect }];
  const copies = superblockGroups.filter((group) => group > 0);
  for (let reserved = 0; reserved < reservedDescriptorBlocks; reserved++) {
    const block = 1 + descriptorBlocks + reserved;
    indirect.writeUInt32LE(block, ((descriptorBlocks + reserved) % pointersPerBlock) * 4);
    const pointers = Buffer.alloc(blockBytes);
    copies.forEach((group, index) => pointers.writeUInt32LE(block + group * blocksPerGroup, index * 4));
    if (copies.length > 0) extents.push({ at: block * blockBytes, bytes: pointers });
  }
  const map = Buffer.alloc(mapBytes);
  map.writeUInt32LE(resizeBlock, doublyIndirect * 4);
  const sizeBytes = (pointersPerBlock ** 2 + pointersPerBlock + 12) * blockBytes;
  const blocks = 1 + reservedDescriptorBlocks * (1 + copies.length);
  return { inode: { ...internalInode(resizeInode, epochSeconds), sizeBytes, blocks, map, mapHasExtents: false }, extents };
}

function internalInode(number: number, timeSeconds: number): Omit<Ext4Inode, "sizeBytes" | "blocks" | "map" | "mapHasExtents"> {
  return { number, mode: fileTypes.file.mode | 0o600, uid: 0, gid: 0, links: 1, timeSeconds, attributeBlock: 0 };
}
