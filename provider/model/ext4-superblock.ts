/** Superblock and group descriptors of ext4 as bytes. Source: the kernel's fs/ext4/ext4.h, Documentation/filesystems/ext4. */
import { crc32c, crc32cOfNumber } from "./crc32c.ts";
import {
  blockBytes,
  blocksPerGroup,
  descriptorBytes,
  inodeBytes,
  lostAndFoundInode,
  reservedDescriptorBlocks,
  type Ext4Geometry,
} from "./ext4-geometry.ts";

/** A constant, so that a new UUID changes the superblock alone and not every block that has a checksum. */
export const checksumSeed = 0x9d3b51c7;
/** A constant: the order of names in hashed directories is the same on all disks. */
const hashSeed = "5b7f6d2e93c18a54b0e83d6a1f20c497";
export const journalInode = 8;

/** has_journal, ext_attr, resize_inode, dir_index */
const compatible = 0x4 | 0x8 | 0x10 | 0x20;
/** filetype, extent, 64bit, flex_bg, metadata_csum_seed */
const incompatible = 0x2 | 0x40 | 0x80 | 0x200 | 0x2000;
/** sparse_super, large_file, huge_file, dir_nlink, extra_isize, metadata_csum */
const readOnlyCompatible = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x400;

const superblockBytes = 1024;
const groupsPerFlexLog = 4;
/** Extended attributes for users, and access lists. */
const mountOptions = 0x4 | 0x8;
const reservedPart = 0.01;

export interface Ext4Facts {
  readonly geometry: Ext4Geometry;
  readonly uuid: string;
  readonly epochSeconds: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
  /** `i_block` of the journal's inode, for fsck to find the journal without it. */
  readonly journalMap: Uint8Array;
}

/** 1024 bytes; `group` is the one that it stands in. */
export function formatSuperblock(facts: Ext4Facts, group: number): Buffer {
  const { geometry, epochSeconds } = facts;
  const bytes = Buffer.alloc(superblockBytes);
  const u16 = (at: number, value: number): void => void bytes.writeUInt16LE(value, at);
  const u32 = (at: number, value: number): void => void bytes.writeUInt32LE(value % 2 ** 32, at);
  const split = (low: number, high: number, value: number): void => {
    u32(low, value);
    u32(high, Math.floor(value / 2 ** 32));
  };
  u32(0x00, geometry.groups * geometry.inodesPerGroup);
  split(0x04, 0x150, geometry.blocks);
  split(0x08, 0x154, Math.floor(geometry.blocks * reservedPart));
  split(0x0c, 0x158, facts.freeBlocks);
  u32(0x10, facts.freeInodes);
  for (const at of [0x18, 0x1c]) u32(at, 2);
  for (const at of [0x20, 0x24]) u32(at, blocksPerGroup);
  u32(0x28, geometry.inodesPerGroup);
  for (const at of [0x30, 0x40, 0x108]) u32(at, epochSeconds);
  u16(0x36, 0xffff);
  u16(0x38, 0xef53);
  for (const at of [0x3a, 0x3c]) u16(at, 1);
  u32(0x4c, 1);
  u32(0x54, lostAndFoundInode);
  u16(0x58, inodeBytes);
  u16(0x5a, group);
  u32(0x5c, compatible);
  u32(0x60, incompatible);
  u32(0x64, readOnlyCompatible);
  writeUuid(bytes, 0x68, facts.uuid);
  u16(0xce, reservedDescriptorBlocks);
  u32(0xe0, journalInode);
  writeUuid(bytes, 0xec, hashSeed);
  bytes.writeUInt8(1, 0xfc);
  bytes.writeUInt8(1, 0xfd);
  u16(0xfe, descriptorBytes);
  u32(0x100, mountOptions);
  bytes.set(facts.journalMap, 0x10c);
  const journalBytes = geometry.journal.count * blockBytes;
  split(0x10c + 64, 0x10c + 60, journalBytes);
  for (const at of [0x15c, 0x15e]) u16(at, 32);
  u32(0x160, 1);
  bytes.writeUInt8(groupsPerFlexLog, 0x174);
  bytes.writeUInt8(1, 0x175);
  u32(0x270, checksumSeed);
  u32(0x3fc, crc32c(0xffffffff, bytes.subarray(0, 0x3fc)));
  return bytes;
}

function writeUuid(bytes: Buffer, at: number, uuid: string): void {
  bytes.set(Buffer.from(uuid.replaceAll("-", ""), "hex"), at);
}

export interface GroupFacts {
  readonly group: number;
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
  readonly directories: number;
  /** At the end of its table. */
  readonly unusedInodes: number;
  readonly blockBitmapChecksum: number;
  readonly inodeBitmapChecksum: number;
}

/** The inode table holds zeros where nothing was written. */
const tableZeroed = 0x4;
const noInodes = 0x1;

/** 64 bytes. */
export function formatDescriptor(facts: GroupFacts, inodesPerGroup: number): Buffer {
  const bytes = Buffer.alloc(descriptorBytes);
  const split16 = (low: number, high: number, value: number): void => {
    bytes.writeUInt16LE(value & 0xffff, low);
    bytes.writeUInt16LE(value >>> 16, high);
  };
  const split32 = (low: number, high: number, value: number): void => {
    bytes.writeUInt32LE(value % 2 ** 32, low);
    bytes.writeUInt32LE(Math.floor(value / 2 ** 32), high);
  };
  split32(0x00, 0x20, facts.blockBitmap);
  split32(0x04, 0x24, facts.inodeBitmap);
  split32(0x08, 0x28, facts.inodeTable);
  split16(0x0c, 0x2c, facts.freeBlocks);
  split16(0x0e, 0x2e, facts.freeInodes);
  split16(0x10, 0x30, facts.directories);
  bytes.writeUInt16LE(facts.unusedInodes === inodesPerGroup ? tableZeroed | noInodes : tableZeroed, 0x12);
  split16(0x18, 0x38, facts.blockBitmapChecksum);
  split16(0x1a, 0x3a, facts.inodeBitmapChecksum);
  split16(0x1c, 0x32, facts.unusedInodes);
  bytes.writeUInt16LE(crc32c(crc32cOfNumber(checksumSeed, facts.group), bytes) & 0xffff, 0x1e);
  return bytes;
}
