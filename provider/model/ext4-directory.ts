/** Directories of ext4 as bytes: names one after the other, unhashed. Source: Documentation/filesystems/ext4/directory.rst. */
import { crc32c } from "./crc32c.ts";
import { blockBytes } from "./ext4-geometry.ts";
import { inodeSeed } from "./ext4-inode.ts";

export interface DirectoryEntry {
  /** One character per byte. */
  readonly name: string;
  readonly inode: number;
  /** As in `fileTypes`. */
  readonly type: number;
}

const tailBytes = 12;
const usableBytes = blockBytes - tailBytes;

/** How many blocks the names take, `.` and `..` among them. */
export function directoryBlocks(names: Iterable<string>): number {
  let blocks = 1;
  let used = 24;
  for (const name of names) {
    const bytes = entryBytes(name);
    if (used + bytes > usableBytes) {
      blocks++;
      used = 0;
    }
    used += bytes;
  }
  return blocks;
}

/** The blocks of directory `inode`; at least `least`, empty ones at the end. */
export function formatDirectory(inode: number, entries: Iterable<DirectoryEntry>, least = 1): Buffer {
  const blocks: Buffer[] = [];
  let block = Buffer.alloc(blockBytes);
  let used = 0;
  let last = 0;
  const finish = (): void => {
    if (used === 0) last = 0;
    block.writeUInt16LE(usableBytes - last, last + 4);
    block.writeUInt16LE(tailBytes, usableBytes + 4);
    block.writeUInt8(0xde, usableBytes + 7);
    block.writeUInt32LE(crc32c(inodeSeed(inode), block.subarray(0, usableBytes)), usableBytes + 8);
    blocks.push(block);
    block = Buffer.alloc(blockBytes);
    used = 0;
  };
  for (const { name, inode: target, type } of entries) {
    const bytes = entryBytes(name);
    if (used + bytes > usableBytes) finish();
    block.writeUInt32LE(target, used);
    block.writeUInt16LE(bytes, used + 4);
    block.writeUInt8(name.length, used + 6);
    block.writeUInt8(type, used + 7);
    block.write(name, used + 8, "latin1");
    last = used;
    used += bytes;
  }
  finish();
  while (blocks.length < least) finish();
  return Buffer.concat(blocks);
}

function entryBytes(name: string): number {
  return 8 + Math.ceil(name.length / 4) * 4;
}
