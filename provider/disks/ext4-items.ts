/**
 * What is placed together. The small files of a directory and its names form items; larger files are items of their own.
 * Where an item ends depends on the names at its edge alone, so a new file moves its neighbours and nobody else.
 */
import { crc32 } from "node:zlib";
import { inEighths, mixed, type BinItem } from "../model/bin-placement.ts";
import { longestExtent, treeBlocks } from "../model/ext4-extents.ts";
import type { RootFile } from "./ext4-files.ts";

/** 512 KiB: the blocks in which clouds keep snapshots. */
export const binBlocks = 128;
export const binInodes = 64;

/** Parts of files that lie one after the other. */
export interface BlockItem extends BinItem {
  /** Whole bins, large parts of bins, small files and names: each kind has bins of its own, so that they do not push each other. */
  readonly zone: "whole" | "large" | "small";
  readonly members: readonly { readonly file: RootFile; readonly use: "data" | "metadata"; readonly blocks: number }[];
}

export interface InodeItem extends BinItem {
  readonly members: readonly RootFile[];
}

export interface RootItems {
  readonly blocks: readonly BlockItem[];
  readonly inodes: readonly InodeItem[];
}

/** Files of up to so many blocks share an item with their neighbours. */
const smallBlocks = 32;
const longestItem = { blocks: 64, inodes: 32 };
const shortestItem = { blocks: 16, inodes: 8 };
const longestRun = 64;

export function gatherItems(files: readonly RootFile[]): RootItems {
  const blocks: BlockItem[] = [];
  const inodes: InodeItem[] = [];
  for (const file of files) {
    blocks.push(...ownItems(file));
    if (file.node.kind !== "directory") continue;
    blocks.push(...directoryItems(file));
    inodes.push(...inodeItems(file));
  }
  return { blocks, inodes };
}

function hashOf(key: string): number {
  return mixed(crc32(key));
}

/** Names at which an item may end, one in eight. */
function isEdge(name: string): boolean {
  return hashOf(name) % 8 === 0;
}

/** The most blocks that a file needs for its extent tree, and one for its attributes. */
export function metadataBlocks(file: RootFile): number {
  const pieces =
    file.data.length +
    Math.ceil(file.dataBlocks / binBlocks) +
    file.data.reduce((sum, { count }) => sum + Math.floor(count / longestExtent), 0);
  return treeBlocks(pieces) + (file.attributes.inBlock.length > 0 ? 1 : 0);
}

/** Files beyond a bin fill whole ones, in runs of a power of two, so that a longer file begins as the shorter one did. */
function ownItems(file: RootFile): BlockItem[] {
  return [...largePart(file, "data", file.dataBlocks), ...largePart(file, "metadata", metadataBlocks(file))];
}

type Member = BlockItem["members"][number];

function largePart(file: RootFile, use: Member["use"], blocks: number): BlockItem[] {
  if (blocks <= smallBlocks) return [];
  const items: BlockItem[] = [];
  const add = (part: string, blocks: number): void => {
    const size = blocks % binBlocks === 0 ? blocks : Math.min(binBlocks, inEighths(blocks));
    items.push({
      hash: hashOf(`${file.path}\0${use}${part}`),
      size,
      zone: blocks % binBlocks === 0 ? "whole" : "large",
      members: [{ file, use, blocks }],
    });
  };
  let bins = Math.floor(blocks / binBlocks);
  for (let part = 0; bins > 0; part++) {
    const run = Math.min(longestRun, 2 ** Math.floor(Math.log2(bins)));
    add(String(part), run * binBlocks);
    bins -= run;
  }
  if (blocks % binBlocks > 0) add("end", blocks % binBlocks);
  return items;
}

/** The directory's own names first, then what its files have that is small. */
function directoryItems(directory: RootFile): BlockItem[] {
  const items: BlockItem[] = [];
  let members: Member[] = [];
  let blocks = 0;
  let key = "";
  const finish = (next: string): void => {
    if (blocks > 0) items.push({ hash: hashOf(`${directory.path}\0${key}`), size: inEighths(blocks), zone: "small", members });
    members = [];
    blocks = 0;
    key = next;
  };
  const add = (file: RootFile): void => {
    for (const member of smallParts(file)) {
      members.push(member);
      blocks += member.blocks;
    }
  };
  add(directory);
  for (const { name, file } of childrenOf(directory)) {
    if (file.node.kind === "directory") continue;
    const more = smallParts(file).reduce((sum, member) => sum + member.blocks, 0);
    if ((blocks >= shortestItem.blocks && isEdge(name)) || blocks + more > longestItem.blocks) finish(name);
    add(file);
  }
  finish("");
  return items;
}

function smallParts(file: RootFile): Member[] {
  const parts: Member[] = [
    { file, use: "data", blocks: file.dataBlocks },
    { file, use: "metadata", blocks: metadataBlocks(file) },
  ];
  return parts.filter(({ blocks }) => blocks > 0 && blocks <= smallBlocks);
}

function inodeItems(directory: RootFile): InodeItem[] {
  const items: InodeItem[] = [];
  let members: RootFile[] = [];
  let key = "";
  const finish = (next: string): void => {
    if (members.length > 0) items.push({ hash: hashOf(`${directory.path}\0${key}`), size: inEighths(members.length), members });
    members = [];
    key = next;
  };
  for (const { name, file } of childrenOf(directory)) {
    const isFull = members.length >= longestItem.inodes;
    if (isFull || (members.length >= shortestItem.inodes && isEdge(name))) finish(name);
    members.push(file);
  }
  finish("");
  return items;
}

/** A file belongs to the directory of its first name. */
function childrenOf(directory: RootFile): RootFile["children"] {
  const seen = new Set<RootFile>();
  return directory.children.filter(({ file }) => {
    const isOurs = file.parent === directory && !seen.has(file);
    seen.add(file);
    return isOurs;
  });
}
