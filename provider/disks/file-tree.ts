/**
 * The files of a disk, as layers make them. Applying an entry follows the rules of the OCI image specification
 * (layer.md) and of the programs that unpack images: links in a parent path are followed, but never out of the root.
 */
import { Failure } from "../failure.ts";
import type { FileBody, FileNode } from "./file-node.ts";
import type { TarEntry } from "./tar-reader.ts";
import { lookUp } from "./tree-lookup.ts";

const whiteout = ".wh.";
const opaque = ".wh..wh..opq";
/** As in the kernel. */
const mostLinks = 40;
const longestPathBytes = 4096;
const longestNameBytes = 255;
/** Links in parent paths can build trees that are deeper than any path is long; ours are walked by recursion, which has its end. */
const deepestDirectory = 512;

export function emptyTree(): FileNode {
  return bareDirectory();
}

/** Changes `root` as unpacking the entry would. `layer` grows from layer to layer; `body` is that of a regular file. */
export function applyEntry(root: FileNode, layer: number, { entry, body }: { readonly entry: TarEntry; readonly body?: FileBody }): void {
  const parts = splitPath(entry.path);
  const name = parts.pop();
  if (name === undefined) {
    if (entry.kind === "directory") describe(root, entry);
    return;
  }
  if (name.startsWith(whiteout)) hide(lookUp(root, parts.join("/")), { name, layer, path: entry.path });
  else put(root, directoryAt(root, { parts, layer, path: entry.path }), { name, layer, entry, body });
}

/** Components without empty ones and `.`; a `..` is refused, since no honest archive needs one. */
function splitPath(path: string): string[] {
  if (path.length > longestPathBytes) throw refused(path, `its name is longer than ${longestPathBytes} bytes`);
  if (path.includes("\0")) throw refused(path, "it has a zero byte in it");
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw refused(path, "it has a `..` in it");
  if (parts.some((part) => part.length > longestNameBytes))
    throw refused(path, `a part of its name is longer than ${longestNameBytes} bytes`);
  return parts;
}

/** Names as people read them, with nothing in them that a terminal would obey. */
export function readableName(name: string): string {
  const text = Buffer.from(name, "latin1").toString("utf8");
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function refused(path: string, why: string): Failure {
  return new Failure({
    kind: "input",
    code: "refused-entry",
    message: `A layer of the image has an entry "${readableName(path.length > 200 ? `${path.slice(0, 60)}...` : path)}" that cannot be unpacked: ${why}.`,
    fix: "build the image again with a builder that writes OCI layers, such as podman, buildah or docker.",
  });
}

interface Walk {
  readonly parts: readonly string[];
  readonly layer: number;
  /** For messages. */
  readonly path: string;
}

/** Follows links as if the root were the root of the system, and makes the directories that are missing. */
function directoryAt(root: FileNode, { parts, layer, path }: Walk): FileNode {
  const trail = [root];
  const todo = [...parts].reverse();
  let links = 0;
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === "..") {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const next = childOf(trail.at(-1) ?? root, part, layer);
    if (next.kind === "directory") trail.push(next);
    else if (next.kind !== "symlink") throw refused(path, `"${readableName(part)}" in it is no directory`);
    else if (++links > mostLinks) throw refused(path, "its parents are links that lead in a circle");
    else {
      if (next.linkTarget.startsWith("/")) trail.length = 1;
      todo.push(...next.linkTarget.split("/").filter(isStep).reverse());
    }
    if (trail.length > deepestDirectory) throw refused(path, `it lies deeper than ${deepestDirectory} directories`);
  }
  return trail.at(-1) ?? root;
}

function childOf(directory: FileNode, name: string, layer: number): FileNode {
  const found = directory.children.get(name);
  if (found !== undefined) return found.node;
  const node = bareDirectory();
  directory.children.set(name, { node, layer });
  return node;
}

function isStep(part: string): boolean {
  return part !== "" && part !== ".";
}

interface Hiding {
  readonly name: string;
  readonly layer: number;
  readonly path: string;
}

/** Where there is no such directory, there is nothing to hide. */
function hide(parent: FileNode | undefined, { name, layer, path }: Hiding): void {
  if (name === opaque) {
    for (const child of parent?.children.keys() ?? []) hideLower(parent, child, layer);
    return;
  }
  const target = name.slice(whiteout.length);
  // Further `.wh..wh.` names are notes that AUFS made for itself.
  if (target.startsWith(whiteout)) return;
  if (!isStep(target) || target === "..") throw refused(path, "it hides no name");
  hideLower(parent, target, layer);
}

/**
 * Removes what lower layers put under a name; what this layer put there, in whatever order, stays. A directory that goes,
 * but has children of this layer, is one that no entry describes.
 */
function hideLower(parent: FileNode | undefined, name: string, layer: number): void {
  const found = parent?.children.get(name);
  if (parent === undefined || found === undefined) return;
  for (const child of found.node.children.keys()) hideLower(found.node, child, layer);
  if (found.layer === layer) return;
  if (found.node.children.size === 0) parent.children.delete(name);
  else parent.children.set(name, { node: { ...bareDirectory(), children: found.node.children }, layer });
}

interface Putting {
  readonly name: string;
  readonly layer: number;
  readonly entry: TarEntry;
  readonly body: FileBody | undefined;
}

function put(root: FileNode, parent: FileNode, { name, layer, entry, body }: Putting): void {
  const existing = parent.children.get(name);
  if (entry.kind === "directory" && existing?.node.kind === "directory") {
    describe(existing.node, entry);
    existing.layer = layer;
    return;
  }
  const node = entry.kind === "hardlink" ? linked(root, layer, entry) : nodeOf(entry, entry.kind, body);
  parent.children.set(name, { node, layer });
}

function linked(root: FileNode, layer: number, entry: TarEntry): FileNode {
  const parts = splitPath(entry.linkTarget);
  const name = parts.pop();
  const node = name === undefined ? undefined : directoryAt(root, { parts, layer, path: entry.path }).children.get(name)?.node;
  if (node === undefined) throw refused(entry.path, `it is a hard link to "${readableName(entry.linkTarget)}", which is not there`);
  if (node.kind === "directory")
    throw refused(entry.path, `it is a hard link to "${readableName(entry.linkTarget)}", which is a directory`);
  // As unpackers do: the entry describes the file that it links to. An entry without attributes takes none away.
  const { mode } = node;
  describe(node, { ...entry, xattrs: entry.xattrs.size === 0 ? node.xattrs : entry.xattrs });
  if (node.kind === "symlink") node.mode = mode;
  return node;
}

function nodeOf(entry: TarEntry, kind: FileNode["kind"], body: FileBody | undefined): FileNode {
  if (kind === "symlink" && (entry.linkTarget === "" || entry.linkTarget.length >= longestPathBytes)) {
    throw refused(entry.path, `its link target has ${entry.linkTarget.length} bytes`);
  }
  if (entry.linkTarget.includes("\0")) throw refused(entry.path, "its link target has a zero byte in it");
  const node: FileNode = {
    ...bareDirectory(),
    kind,
    linkTarget: kind === "symlink" ? entry.linkTarget : "",
    device: kind === "character" || kind === "block" ? entry.device : { major: 0, minor: 0 },
    body: kind === "file" ? body : undefined,
  };
  describe(node, entry);
  if (kind === "symlink") node.mode = 0o777;
  return node;
}

function describe(node: FileNode, entry: TarEntry): void {
  node.mode = entry.mode;
  node.uid = entry.uid;
  node.gid = entry.gid;
  node.mtimeSeconds = entry.mtimeSeconds;
  node.xattrs = entry.xattrs;
}

/** A directory that no entry describes: as unpackers make it, but for its time, which must not depend on the clock. */
export function bareDirectory(): FileNode {
  return {
    kind: "directory",
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtimeSeconds: 0,
    xattrs: new Map(),
    linkTarget: "",
    device: { major: 0, minor: 0 },
    body: undefined,
    children: new Map(),
  };
}
