/** Inodes of ext4 as bytes. Source: the kernel's fs/ext4/ext4.h, Documentation/filesystems/ext4/inodes.rst. */
import { crc32c, crc32cOfNumber } from "./crc32c.ts";
import { blockBytes, inodeBytes } from "./ext4-geometry.ts";
import { checksumSeed } from "./ext4-superblock.ts";

export const fileTypes = {
  fifo: { mode: 0x1000, entry: 5 },
  character: { mode: 0x2000, entry: 3 },
  directory: { mode: 0x4000, entry: 2 },
  block: { mode: 0x6000, entry: 4 },
  file: { mode: 0x8000, entry: 1 },
  symlink: { mode: 0xa000, entry: 7 },
} as const;

/** `i_block` holds the root of an extent tree. */
const hasExtents = 0x80000;
/** Beyond the classic 128 bytes. */
const extraBytes = 32;
export const attributesAt = 128 + extraBytes;
const mapAt = 0x28;
export const mapBytes = 60;
/** A directory with more subdirectories than a link count can say has 1. Source: feature dir_nlink. */
const mostLinks = 65_000;

export interface Ext4Inode {
  readonly number: number;
  /** Type and permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly sizeBytes: number;
  /** Of data, extent trees and attributes. */
  readonly blocks: number;
  readonly timeSeconds: number;
  /** `i_block`: an extent tree, a short link's target, or a device's number. */
  readonly map: Uint8Array;
  readonly mapHasExtents: boolean;
  /** Block of extended attributes, or 0. */
  readonly attributeBlock: number;
  /** From `attributesAt` to the end. */
  readonly attributes?: Uint8Array;
}

/** Writes the inode's 256 bytes. */
export function writeInode(bytes: Buffer, inode: Ext4Inode): void {
  const sectors = inode.blocks * (blockBytes / 512);
  bytes.writeUInt16LE(inode.mode, 0x00);
  split16(bytes, { low: 0x02, high: 0x78 }, inode.uid);
  split32(bytes, { low: 0x04, high: 0x6c }, inode.sizeBytes);
  for (const at of [0x08, 0x0c, 0x10, 0x90]) bytes.writeUInt32LE(low32(inode.timeSeconds), at);
  for (const at of [0x84, 0x88, 0x8c, 0x94]) bytes.writeUInt32LE(epochOf(inode.timeSeconds), at);
  split16(bytes, { low: 0x18, high: 0x7a }, inode.gid);
  bytes.writeUInt16LE(inode.links > mostLinks ? 1 : inode.links, 0x1a);
  bytes.writeUInt32LE(low32(sectors), 0x1c);
  bytes.writeUInt16LE(Math.floor(sectors / 2 ** 32), 0x74);
  bytes.writeUInt32LE(inode.mapHasExtents ? hasExtents : 0, 0x20);
  bytes.set(inode.map, mapAt);
  bytes.writeUInt32LE(low32(inode.attributeBlock), 0x68);
  bytes.writeUInt16LE(Math.floor(inode.attributeBlock / 2 ** 32), 0x76);
  bytes.writeUInt16LE(extraBytes, 0x80);
  if (inode.attributes !== undefined) bytes.set(inode.attributes, attributesAt);
  const checksum = crc32c(inodeSeed(inode.number), bytes.subarray(0, inodeBytes));
  bytes.writeUInt16LE(checksum & 0xffff, 0x7c);
  bytes.writeUInt16LE(checksum >>> 16, 0x82);
}

/** What checksums of the inode's own blocks start from; its generation is 0. */
export function inodeSeed(number: number): number {
  return crc32cOfNumber(crc32cOfNumber(checksumSeed, number), 0);
}

interface Halves {
  readonly low: number;
  readonly high: number;
}

function split16(bytes: Buffer, { low, high }: Halves, value: number): void {
  bytes.writeUInt16LE(value & 0xffff, low);
  bytes.writeUInt16LE(value >>> 16, high);
}

function split32(bytes: Buffer, { low, high }: Halves, value: number): void {
  bytes.writeUInt32LE(low32(value), low);
  bytes.writeUInt32LE(Math.floor(value / 2 ** 32), high);
}

function low32(value: number): number {
  return ((value % 2 ** 32) + 2 ** 32) % 2 ** 32;
}

const firstSecond = -(2 ** 31);
const lastSecond = firstSecond + 3 * 2 ** 32 - 1;

/**
 * From 1901 to April 2310; times beyond are moved to the nearest one. ext4 has room until 2446, but e2fsck takes the next
 * 68 years for times before 1970 that an old kernel wrote, and repairs them.
 */
export function storableTime(seconds: number): number {
  return Math.min(lastSecond, Math.max(firstSecond, Math.floor(seconds)));
}

/** How many times 2^32 is to be added to the lower half, read as a signed number. */
function epochOf(seconds: number): number {
  return Math.floor((seconds - firstSecond) / 2 ** 32);
}

/** `i_block` of a device: 16 bits where both numbers are small, else the kernel's 32. */
export function deviceMap({ major, minor }: { readonly major: number; readonly minor: number }): Uint8Array {
  const map = Buffer.alloc(mapBytes);
  if (major < 256 && minor < 256) map.writeUInt32LE((major << 8) | minor, 0);
  else map.writeUInt32LE(((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0, 4);
  return map;
}
