/** Extent trees: which blocks of a file lie where. Source: the kernel's Documentation/filesystems/ext4/ifork.rst. */
import { crc32c } from "./crc32c.ts";
import { blockBytes } from "./ext4-geometry.ts";
import { inodeSeed, mapBytes } from "./ext4-inode.ts";

/** `count` blocks of a file from its block `logical` on, at block `start` of the file system. */
export interface FileExtent {
  readonly logical: number;
  readonly start: number;
  readonly count: number;
}

export const longestExtent = 32768;
const entryBytes = 12;
const perInode = 4;
const perBlock = 340;
const checksumAt = blockBytes - 4;

/** How many blocks the tree of so many extents takes beside the inode. */
export function treeBlocks(extents: number): number {
  let blocks = 0;
  for (let nodes = extents; nodes > perInode;) {
    nodes = Math.ceil(nodes / perBlock);
    blocks += nodes;
  }
  return blocks;
}

export interface ExtentTree {
  /** `i_block`. */
  readonly map: Uint8Array;
  readonly blocks: readonly { readonly block: number; readonly bytes: Uint8Array }[];
}

/** Extents in order; `free` are blocks that the tree may take, as many as `treeBlocks` says. */
export function formatExtentTree(inode: number, extents: readonly FileExtent[], free: readonly number[]): ExtentTree {
  const blocks: { block: number; bytes: Uint8Array }[] = [];
  const seed = inodeSeed(inode);
  let depth = 0;
  let level: Uint8Array[] = extents.map(formatExtent);
  let firsts = extents.map(({ logical }) => logical);
  while (level.length > perInode) {
    const above: Uint8Array[] = [];
    const aboveFirsts: number[] = [];
    for (let at = 0; at < level.length; at += perBlock) {
      const block = free[blocks.length] ?? 0;
      const bytes = formatNode(level.slice(at, at + perBlock), { depth, room: perBlock, sizeBytes: blockBytes });
      bytes.writeUInt32LE(crc32c(seed, bytes.subarray(0, checksumAt)), checksumAt);
      blocks.push({ block, bytes });
      above.push(formatIndex(firsts[at] ?? 0, block));
      aboveFirsts.push(firsts[at] ?? 0);
    }
    level = above;
    firsts = aboveFirsts;
    depth++;
  }
  return { map: formatNode(level, { depth, room: perInode, sizeBytes: mapBytes }), blocks };
}

function formatNode(entries: readonly Uint8Array[], node: { depth: number; room: number; sizeBytes: number }): Buffer {
  const bytes = Buffer.alloc(node.sizeBytes);
  bytes.writeUInt16LE(0xf30a, 0);
  bytes.writeUInt16LE(entries.length, 2);
  bytes.writeUInt16LE(node.room, 4);
  bytes.writeUInt16LE(node.depth, 6);
  entries.forEach((entry, index) => bytes.set(entry, entryBytes * (index + 1)));
  return bytes;
}

function formatExtent({ logical, start, count }: FileExtent): Uint8Array {
  const bytes = Buffer.alloc(entryBytes);
  bytes.writeUInt32LE(logical, 0);
  bytes.writeUInt16LE(count, 4);
  bytes.writeUInt16LE(Math.floor(start / 2 ** 32), 6);
  bytes.writeUInt32LE(start % 2 ** 32, 8);
  return bytes;
}

function formatIndex(logical: number, block: number): Uint8Array {
  const bytes = Buffer.alloc(entryBytes);
  bytes.writeUInt32LE(logical, 0);
  bytes.writeUInt32LE(block % 2 ** 32, 4);
  bytes.writeUInt16LE(Math.floor(block / 2 ** 32), 8);
  return bytes;
}
