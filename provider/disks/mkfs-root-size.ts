/** How large an XFS or btrfs root must be. Estimates: what a file takes is the kernel's affair. */
import { inEighths } from "../model/bin-placement.ts";
import { formatByteSize } from "../model/byte-size.ts";
import { mebibyte, planLayout, rootBytesOn, type DiskLayout } from "../model/disk-layout.ts";
import { filesystemNames, type MountedFilesystem } from "../model/mounted-root.ts";
import { Failure } from "../failure.ts";
import type { FileNode } from "./file-node.ts";

const blockBytes = 4096;
/** Of a name in a directory, with its share of the tree above it. */
const entryBytes = 96;

interface Costs {
  /** Of an inode, with what else is written for a file. */
  readonly inodeBytes: number;
  /** Journal, free-space trees, copies of what is kept twice. */
  readonly fixedBytes: number;
  /** What the kernel keeps for itself or cannot use, per byte. */
  readonly share: number;
  /** What the program refuses to go below. */
  readonly leastBytes: number;
}

/** mkfs.xfs refuses less than 300 MB; btrfs keeps metadata twice, in chunks of a tenth of the whole. */
const costs: Readonly<Record<MountedFilesystem, Costs>> = {
  xfs: { inodeBytes: 640, fixedBytes: 80 * mebibyte, share: 0.03, leastBytes: 304 * mebibyte },
  btrfs: { inodeBytes: 1536, fixedBytes: 96 * mebibyte, share: 0.12, leastBytes: 256 * mebibyte },
};

export interface RootWish {
  readonly filesystem: MountedFilesystem;
  /** What the EFI system partition holds. */
  readonly bootBytes: number;
  /** Of the disk. */
  readonly sizeBytes?: number | undefined;
}

/** Refuses a disk that cannot hold the files. */
export function planMountedRoot(root: FileNode, { filesystem, bootBytes, sizeBytes }: RootWish): DiskLayout {
  const { fixedBytes, share, leastBytes, inodeBytes } = costs[filesystem];
  const content = contentBytes(root, inodeBytes);
  const needed = Math.max(leastBytes, fixedBytes + content * (1 + share));
  if (sizeBytes === undefined) {
    // Room for logs and packages.
    const wished = needed + Math.max(256 * mebibyte, content / 10);
    return planLayout(bootBytes, inEighths(Math.ceil(wished / mebibyte)) * mebibyte);
  }
  const rootBytes = rootBytesOn(sizeBytes, bootBytes);
  if (rootBytes < Math.max(leastBytes, content)) throw tooSmall({ filesystem, sizeBytes }, planLayout(bootBytes, needed).diskBytes);
  return planLayout(bootBytes, rootBytes);
}

function contentBytes(root: FileNode, inodeBytes: number): number {
  let bytes = 0;
  const known = new Set<FileNode>();
  const visit = (node: FileNode): void => {
    if (known.has(node)) return;
    known.add(node);
    bytes += inodeBytes;
    for (const { length } of node.body?.pieces ?? []) bytes += Math.ceil(length / blockBytes) * blockBytes;
    for (const value of node.xattrs.values()) bytes += value.length + entryBytes;
    if (node.kind === "directory") bytes += Math.ceil((node.children.size * entryBytes) / blockBytes) * blockBytes;
    for (const child of node.children.values()) visit(child.node);
  };
  visit(root);
  return bytes;
}

/** When the kernel found no room for the last files. */
export function notFitting({ filesystem, sizeBytes }: RootWish, { diskBytes }: DiskLayout): Failure {
  if (sizeBytes !== undefined) return tooSmall({ filesystem, sizeBytes }, diskBytes * 1.25);
  return new Failure({
    kind: "tool",
    code: "disk-too-small",
    message: `The image's files did not fit a disk of ${formatByteSize(diskBytes)} with ${filesystemNames[filesystem]}, which was thought to be enough. Nothing was written.`,
    fix: `set disk.size to ${mebibytes(diskBytes * 1.5)} or more.`,
  });
}

function tooSmall(
  { filesystem, sizeBytes }: { readonly filesystem: MountedFilesystem; readonly sizeBytes: number },
  neededBytes: number,
): Failure {
  const needed = mebibytes(neededBytes);
  return new Failure({
    kind: "input",
    code: "disk-too-small",
    message: `disk.size is ${formatByteSize(sizeBytes)}, and the image needs about ${needed} with ${filesystemNames[filesystem]}. Nothing was written.`,
    fix: `set disk.size to ${needed} or more, or leave it out.`,
  });
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / mebibyte)}MiB`;
}
