/** Looks files up in a tree as a running system would: links are followed, and `/` is the tree's root. */
import type { FileNode } from "./file-node.ts";

const mostLinks = 40;

/** Undefined when there is no such file. Path parts of `..` stop at the root. */
export function lookUp(root: FileNode, path: string): FileNode | undefined {
  let trail = [root];
  const todo = path.split("/").reverse();
  for (let links = 0, part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const found = trail.at(-1)?.children.get(part)?.node;
    if (found === undefined) return undefined;
    if (found.kind !== "symlink") {
      trail.push(found);
      continue;
    }
    if (++links > mostLinks) return undefined;
    if (found.linkTarget.startsWith("/")) trail = [root];
    todo.push(...found.linkTarget.split("/").reverse());
  }
  return trail.at(-1);
}

/** The names in a directory, in the order of their bytes; none when it is not there. */
export function namesIn(root: FileNode, path: string): string[] {
  return [...(lookUp(root, path)?.children.keys() ?? [])].sort();
}
