/** How much room a tree takes in an ext4 file system. */
import { blockBytes, type ContentSize } from "../model/disk-layout.ts";
import type { FileNode } from "./file-node.ts";

/** Link targets up to this length live in the inode. */
const longestInlineTarget = 59;
/** Attributes beyond about that many bytes need a block of their own. */
const inlineAttributeBytes = 64;
/** A tail holds the checksum. */
const usableDirectoryBytes = blockBytes - 12;

export function contentSize(root: FileNode): ContentSize {
  const seen = new Set<FileNode>();
  let dataBlocks = 0;
  let directoryBlocks = 0;
  const visit = (node: FileNode): void => {
    if (seen.has(node)) return;
    seen.add(node);
    dataBlocks += fileBlocks(node) + attributeBlocks(node);
    if (node.kind === "directory") directoryBlocks += directorySize(node);
    for (const child of node.children.values()) visit(child.node);
  };
  visit(root);
  return { dataBlocks, directoryBlocks, inodes: seen.size };
}

function fileBlocks(node: FileNode): number {
  if (node.kind === "symlink") return node.linkTarget.length > longestInlineTarget ? 1 : 0;
  if (node.body === undefined) return 0;
  const blocks = Math.ceil(node.body.storedBytes / blockBytes);
  const extra = Math.max(0, node.body.pieces - 1);
  // Pieces begin and end inside blocks. An inode maps four extents of up to 128 MiB; a block maps 340 more.
  const extents = node.body.pieces + Math.ceil(blocks / 16384);
  return blocks + 2 * extra + (extents > 4 ? Math.ceil(extents / 300) + 1 : 0);
}

function attributeBlocks(node: FileNode): number {
  let bytes = 0;
  for (const [name, value] of node.xattrs) bytes += name.length + value.length + 16;
  return bytes > inlineAttributeBytes ? 1 : 0;
}

/** Names lie unsorted in blocks, and none over the edge of one: a tenth of the room may stay empty. */
function directorySize(node: FileNode): number {
  let bytes = 24;
  for (const name of node.children.keys()) bytes += 8 + Math.ceil(name.length / 4) * 4;
  return Math.max(1, Math.ceil((bytes * 1.1) / usableDirectoryBytes));
}
