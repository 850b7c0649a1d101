/** What the parts of preflight ask a tree: small files as text, what is there, and which units systemd starts. */
import type { FileBody, FileNode } from "./file-node.ts";
import type { ReadPart } from "./stored-part.ts";
import { lookUp, namesIn } from "./tree-lookup.ts";

/** Settings are short; whatever is longer is none. */
const longestText = 1024 ** 2;

export interface ImageTree {
  readonly root: FileNode;
  /** Empty for what is not there, no file, or too long. Links are followed. */
  text(path: string): Promise<string>;
  body(path: string): FileBody | undefined;
  /** A file that is not empty, or a directory. */
  has(path: string): boolean;
  names(directory: string): readonly string[];
}

export function imageTree(root: FileNode, read: ReadPart): ImageTree {
  const body = (path: string): FileBody | undefined => {
    const found = lookUp(root, path)?.body;
    return found === undefined || found.sizeBytes === 0 ? undefined : found;
  };
  return {
    root,
    body,
    has: (path) => body(path) !== undefined || lookUp(root, path)?.kind === "directory",
    names: (directory) => namesIn(root, directory),
    text: async (path) => {
      const found = body(path);
      return found === undefined || found.sizeBytes > longestText ? "" : (await read(found, 0, found.sizeBytes)).toString("latin1");
    },
  };
}

/** The files of several directories by name, of which the earlier directories hide those of the later. */
export function overlaid(tree: ImageTree, directories: readonly string[], extension: string): readonly string[] {
  const paths = new Map<string, string>();
  for (const directory of directories) {
    for (const name of tree.names(directory)) {
      if (name.endsWith(extension) && !paths.has(name)) paths.set(name, `${directory}/${name}`);
    }
  }
  return [...paths.values()];
}

const unitDirectories = ["/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];

/** Names of units that another unit wants or requires by a link, but for masked ones. */
export function enabledUnits(tree: ImageTree): ReadonlySet<string> {
  const enabled = new Set<string>();
  for (const directory of unitDirectories) {
    for (const name of tree.names(directory)) {
      if (!/\.(?:wants|requires)$/.test(name)) continue;
      for (const unit of tree.names(`${directory}/${name}`)) enabled.add(unit);
    }
  }
  for (const unit of enabled) if (isMasked(tree, unit)) enabled.delete(unit);
  return enabled;
}

function isMasked({ root }: ImageTree, unit: string): boolean {
  const own = lookUp(root, "/etc/systemd/system")?.children.get(unit)?.node;
  return own?.linkTarget === "/dev/null" || (own?.kind === "file" && own.body?.sizeBytes === 0);
}
