/**
 * Files that are made under plain names in one folder first and then linked to where they belong: those with several names,
 * and those that other programs have a hand in, which take neither odd names nor long paths.
 */
import type { FileAttributes } from "../model/mounted-root.ts";
import type { FileNode } from "./file-node.ts";

export interface StagedFile {
  readonly node: FileNode;
  /** Of its first name, from the root. */
  readonly path: string;
  /** In the folder. */
  readonly name: string;
}

/** What is given to one run of setfattr. */
const batchFiles = 2000;
const batchBytes = 8 * 1024 ** 2;

export function stagedFiles(root: FileNode): ReadonlyMap<FileNode, StagedFile> {
  const paths = new Map<FileNode, string>();
  const staged = new Map<FileNode, StagedFile>();
  const visit = (directory: FileNode, path: string): void => {
    for (const [name, { node }] of directory.children) {
      const here = path === "" ? name : `${path}/${name}`;
      if (node.kind === "directory") {
        visit(node, here);
        continue;
      }
      const first = paths.get(node);
      if (first === undefined) paths.set(node, here);
      if ((first !== undefined || needsPrograms(node)) && !staged.has(node)) {
        staged.set(node, { node, path: first ?? here, name: String(staged.size) });
      }
    }
  };
  visit(root, "");
  return staged;
}

function needsPrograms({ kind, xattrs }: FileNode): boolean {
  return xattrs.size > 0 || (kind !== "file" && kind !== "symlink");
}

export function* attributeBatches(files: Iterable<StagedFile>): Generator<readonly FileAttributes[]> {
  let batch: FileAttributes[] = [];
  let bytes = 0;
  for (const { name, node } of files) {
    if (node.xattrs.size === 0) continue;
    batch.push({ name, attributes: node.xattrs });
    for (const value of node.xattrs.values()) bytes += value.length;
    if (batch.length < batchFiles && bytes < batchBytes) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
