/** The files of a tree as an ext4 file system will hold them: one for each inode, with the blocks that its data takes. */
import { Failure } from "../failure.ts";
import { planAttributes, type AttributePlan } from "../model/ext4-attributes.ts";
import { directoryBlocks } from "../model/ext4-directory.ts";
import { blockBytes } from "../model/ext4-geometry.ts";
import { mapBytes } from "../model/ext4-inode.ts";
import { bareDirectory, readableName } from "./file-tree.ts";
import type { FileNode } from "./file-node.ts";

/** Blocks of a file that hold data. */
export interface LogicalRun {
  readonly logical: number;
  readonly count: number;
}

export interface RootFile {
  readonly node: FileNode;
  /** Of its first name; one character per byte. */
  readonly path: string;
  readonly parent: RootFile | undefined;
  links: number;
  /** In the order of their names' bytes. Files with several names are children of all of them. */
  readonly children: readonly { readonly name: string; readonly file: RootFile }[];
  readonly data: readonly LogicalRun[];
  readonly dataBlocks: number;
  readonly attributes: AttributePlan;
}

/** Where fsck puts what it finds: kept ready, since fsck may not be able to make it. */
const lostAndFound = "lost+found";
export const lostAndFoundBlocks = 4;
const mostLinks = 65_000;
/** 12 and 20 bits. Source: the kernel's include/linux/kdev_t.h. */
const largestDevice = { major: 4095, minor: 1_048_575 };

export interface RootFiles {
  /** The root directory first, then as a walk finds them. */
  readonly files: readonly RootFile[];
  readonly lostAndFound: RootFile;
}

export function listFiles(root: FileNode): RootFiles {
  const files: RootFile[] = [];
  const known = new Map<FileNode, RootFile>();
  const add = (node: FileNode, path: string, parent?: RootFile): RootFile => {
    const children: { name: string; file: RootFile }[] = [];
    const file = describe(node, path, { parent, children });
    files.push(file);
    known.set(node, file);
    for (const name of [...node.children.keys()].sort(byBytes)) {
      const child = node.children.get(name)?.node;
      if (child === undefined) continue;
      const childPath = path === "" ? name : `${path}/${name}`;
      const found = known.get(child);
      if (found !== undefined) addName(found, childPath);
      children.push({ name, file: found ?? add(child, childPath, file) });
    }
    file.links += children.filter((one) => one.file.node.kind === "directory").length;
    return file;
  };
  const whole = withLostAndFound(root);
  const first = add(whole, "");
  const found = first.children.find(({ name }) => name === lostAndFound);
  return { files, lostAndFound: found?.file ?? first };
}

function withLostAndFound(root: FileNode): FileNode {
  if (root.children.has(lostAndFound)) return root;
  const node = { ...bareDirectory(), mode: 0o700 };
  return { ...root, children: new Map([...root.children, [lostAndFound, { node, layer: 0 }]]) };
}

function addName(file: RootFile, path: string): void {
  file.links++;
  if (file.links <= mostLinks) return;
  throw cannotHold(path, `it has more than ${mostLinks} names`, "use fewer hard links to it");
}

function describe(node: FileNode, path: string, place: Pick<RootFile, "children"> & { readonly parent: RootFile | undefined }): RootFile {
  const attributes = planAttributes(node.xattrs);
  if (attributes === undefined) throw cannotHold(path, "its extended attributes take more than a block of 4 KiB", "shorten or remove some");
  if (node.device.major > largestDevice.major || node.device.minor > largestDevice.minor)
    throw cannotHold(path, `device ${node.device.major}:${node.device.minor} is beyond what Linux numbers`, "leave it out");
  const data = dataRuns(node, path);
  const dataBlocks = data.reduce((sum, { count }) => sum + count, 0);
  return { node, path, ...place, links: node.kind === "directory" ? 2 : 1, data, dataBlocks, attributes };
}

/** Latin-1 strings compare as their bytes do. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function dataRuns(node: FileNode, path: string): LogicalRun[] {
  if (node.kind === "symlink") return node.linkTarget.length < mapBytes ? [] : [{ logical: 0, count: 1 }];
  if (node.kind === "directory") {
    const count = directoryBlocks(node.children.keys());
    return [{ logical: 0, count: path === lostAndFound ? Math.max(count, lostAndFoundBlocks) : count }];
  }
  const runs: { logical: number; count: number }[] = [];
  for (const { offset, length } of node.body?.pieces ?? []) {
    const logical = Math.floor(offset / blockBytes);
    const end = Math.ceil((offset + length) / blockBytes);
    const last = runs.at(-1);
    if (last !== undefined && logical <= last.logical + last.count) last.count = Math.max(last.count, end - last.logical);
    else runs.push({ logical, count: end - logical });
  }
  return runs;
}

function cannotHold(path: string, why: string, fix: string): Failure {
  return new Failure({
    kind: "input",
    code: "cannot-hold",
    message: `The image has a file "${readableName(path)}" that ext4 cannot hold: ${why}. Nothing was written.`,
    fix: `${fix} in the Containerfile.`,
  });
}
