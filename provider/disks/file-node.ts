/** The files of a tree as data: nodes, their names, and where their bytes are. */
import type { StoredBytes } from "../model/disk-extent.ts";

/** What all names of one file share. Names and link targets have one character per byte. */
export interface FileNode {
  kind: "file" | "directory" | "symlink" | "character" | "block" | "fifo";
  mode: number;
  uid: number;
  gid: number;
  mtimeSeconds: number;
  xattrs: ReadonlyMap<string, Buffer>;
  readonly linkTarget: string;
  readonly device: { readonly major: number; readonly minor: number };
  readonly body: FileBody | undefined;
  /** Empty unless it is a directory. */
  readonly children: Map<string, Name>;
}

/** A file's bytes, which wait in the spool. */
export type FileBody = StoredBytes;

/** A name in a directory, and the layer that put it there: whiteouts hide what lower layers put. */
export interface Name {
  readonly node: FileNode;
  layer: number;
}
