/** Trees as preflight gets them, from a few files that a test writes and from a real root file system. */
import { createReadStream } from "node:fs";
import { extract } from "tar-stream";
import type { FileBody, FileNode } from "../../provider/disks/file-node.ts";
import type { ReadPart } from "../../provider/disks/stored-part.ts";

export interface MadeTree {
  readonly root: FileNode;
  readonly read: ReadPart;
  /** Paths that were read, in order. */
  readonly reads: string[];
  put(path: string, file: TreeFile): void;
}

/** A text that begins with `->` is a link. */
export type TreeFile = string | Buffer;

export function emptyTree(): MadeTree {
  const contents = new Map<FileBody, { readonly path: string; readonly bytes: Buffer }>();
  const reads: string[] = [];
  const root = node("directory");
  return {
    root,
    reads,
    read: (body, offset, length) => {
      const { path, bytes } = contents.get(body) ?? { path: "nothing", bytes: Buffer.alloc(0) };
      reads.push(path);
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
    put: (path, file) => {
      const parts = path.split("/").filter((part) => part !== "" && part !== ".");
      const name = parts.pop() ?? "";
      let directory = root;
      for (const part of parts) {
        const child = directory.children.get(part)?.node ?? node("directory");
        directory.children.set(part, { node: child, layer: 0 });
        directory = child;
      }
      const bytes = Buffer.from(file);
      const body = { sizeBytes: bytes.length, pieces: [] } as FileBody;
      contents.set(body, { path, bytes });
      const link = typeof file === "string" && file.startsWith("->");
      directory.children.set(name, { node: link ? node("symlink", file.slice(2)) : { ...node("file"), body }, layer: 0 });
    },
  };
}

function node(kind: FileNode["kind"], linkTarget = ""): FileNode {
  const owner = { mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 0 };
  return { kind, ...owner, xattrs: new Map(), linkTarget, device: { major: 0, minor: 0 }, body: undefined, children: new Map() };
}

export function treeOf(files: Readonly<Record<string, TreeFile>>): MadeTree {
  const tree = emptyTree();
  for (const [path, file] of Object.entries(files)) tree.put(path, file);
  return tree;
}

/** All names and links of a tar, and the bytes of its files. */
export async function treeOfTar(path: string): Promise<MadeTree> {
  const tree = emptyTree();
  for await (const entry of createReadStream(path).pipe(extract())) {
    const { name, type, linkname } = entry.header;
    const parts: Buffer[] = [];
    for await (const part of entry as AsyncIterable<Buffer>) parts.push(part);
    if (type === "file") tree.put(name, Buffer.concat(parts));
    if (type === "symlink") tree.put(name, `->${linkname ?? ""}`);
  }
  return tree;
}
