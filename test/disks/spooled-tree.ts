/** A tree of files whose bytes wait in a spool, without any layer. */
import { open, type FileHandle } from "node:fs/promises";
import { onTestFinished } from "vitest";
import type { FileNode } from "../../provider/disks/file-node.ts";

export interface SpooledTree {
  readonly root: FileNode;
  readonly spool: FileHandle;
}

/** Folders come into being by the paths. The spool is closed when the test is over. */
export async function spooledTree(spoolPath: string, files: Readonly<Record<string, string | Buffer>>): Promise<SpooledTree> {
  const spool = await open(spoolPath, "wx+");
  onTestFinished(() => spool.close());
  const root = node("directory");
  let from = 0;
  for (const [path, content] of Object.entries(files)) {
    const bytes = Buffer.from(content);
    await spool.write(bytes, 0, bytes.length, from);
    put(root, path.split("/"), node("file", { sizeBytes: bytes.length, pieces: [{ offset: 0, length: bytes.length, from }] }));
    from += bytes.length;
  }
  return { root, spool };
}

function node(kind: FileNode["kind"], body?: FileNode["body"]): FileNode {
  const owner = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0, xattrs: new Map<string, Buffer>() };
  return { kind, ...owner, linkTarget: "", device: { major: 0, minor: 0 }, body, children: new Map() };
}

function put(folder: FileNode, [name = "", ...inner]: readonly string[], file: FileNode): void {
  const next = folder.children.get(name)?.node ?? (inner.length === 0 ? file : node("directory"));
  folder.children.set(name, { node: next, layer: 0 });
  if (inner.length > 0) put(next, inner, file);
}
