/** Puts `rootSshAuthorizedKeys` where sshd looks for root's keys. */
import type { FileNode } from "./file-node.ts";
import { applyEntry } from "./file-tree.ts";
import type { Spool } from "./spool.ts";
import type { TarEntry } from "./tar-reader.ts";

/** Above every layer of an image. */
const lastLayer = Number.MAX_SAFE_INTEGER;
const home = "/root";

/** Replaces the image's file, if it has one; an empty list leaves it alone. */
export async function addAuthorizedKeys(root: FileNode, keys: readonly string[], spool: Spool): Promise<void> {
  if (keys.length === 0) return;
  const content = Buffer.from(`${keys.map((key) => key.trim()).join("\n")}\n`);
  const body = await spool.add(content);
  if (!root.children.has("root")) applyEntry(root, lastLayer, { entry: { ...entryOf(home), mode: 0o700 } });
  applyEntry(root, lastLayer, { entry: { ...entryOf(`${home}/.ssh`), mode: 0o700 } });
  applyEntry(root, lastLayer, { entry: { ...entryOf(`${home}/.ssh/authorized_keys`), kind: "file", mode: 0o600 }, body });
}

function entryOf(path: string): TarEntry {
  return {
    path,
    kind: "directory",
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtimeSeconds: 0,
    linkTarget: "",
    device: { major: 0, minor: 0 },
    xattrs: new Map(),
    sizeBytes: 0,
    pieces: [],
  };
}
