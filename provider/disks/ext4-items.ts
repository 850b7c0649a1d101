/**
 * What is placed together. Small files lie in the order of a walk, names of directories before what is in them, and are cut
 * into items; larger files are items of their own. Where an item ends depends on the paths at its edge alone, so a new file
 * moves its neighbours and nobody else.
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

/** `files` in the order of a walk. */
export function gatherItems(files: readonly RootFile[]): RootItems {
  const small = cut(files, { sizeOf: (file) => total(smallParts(file)), shortest: shortestItem.blocks, longest: longestItem.blocks });
  // The root directory's inode has its place.
  const inodes = cut(files.slice(1), { sizeOf: () => 1, shortest: shortestItem.inodes, longest: longestItem.inodes });
  return {
    blocks: [
      ...files.flatMap(ownItems),
      ...small.map(({ members, ...item }): BlockItem => ({ ...item, zone: "small", members: members.flatMap(smallParts) })),
    ],
    inodes,
  };
}

interface Cutting {
  readonly sizeOf: (file: RootFile) => number;
  readonly shortest: number;
  readonly longest: number;
}

/** Cuts the walk where a path says so, and where a piece would become too long. A piece has the name of its first file. */
function cut(files: readonly RootFile[], { sizeOf, shortest, longest }: Cutting): InodeItem[] {
  const items: InodeItem[] = [];
  let members: RootFile[] = [];
  let size = 0;
  const finish = (): void => {
    const [first] = members;
    if (first !== undefined) items.push({ hash: hashOf(first.path), size: inEighths(size), members });
    members = [];
    size = 0;
  };
  for (const file of files) {
    const more = sizeOf(file);
    if (more === 0) continue;
    if (size + more > longest || (size >= shortest && isEdge(file.path))) finish();
    members.push(file);
    size += more;
  }
  finish();
  return items;
}

function hashOf(key: string): number {
  return mixed(crc32(key));
}

/** Paths at which an item may begin, one in eight. */
function isEdge(path: string): boolean {
  return hashOf(path) % 8 === 0;
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

function smallParts(file: RootFile): Member[] {
  const parts: Member[] = [
    { file, use: "data", blocks: file.dataBlocks },
    { file, use: "metadata", blocks: metadataBlocks(file) },
  ];
  return parts.filter(({ blocks }) => blocks > 0 && blocks <= smallBlocks);
}

function total(members: readonly Member[]): number {
  return members.reduce((sum, { blocks }) => sum + blocks, 0);
}
