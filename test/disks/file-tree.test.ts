/** Layers on top of each other: what stays, what goes, and what is refused. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { FileNode } from "../../provider/disks/file-node.ts";
import { applyEntry, emptyTree } from "../../provider/disks/file-tree.ts";
import { lookUp } from "../../provider/disks/tree-lookup.ts";
import type { TarEntry } from "../../provider/disks/tar-reader.ts";
import { describeFailure, type Failure } from "../../provider/failure.ts";

type Entry = Pick<TarEntry, "path" | "kind"> & Partial<TarEntry>;

function tree(layers: readonly (readonly Entry[])[]): FileNode {
  const root = emptyTree();
  layers.forEach((entries, layer) => {
    for (const entry of entries) applyEntry(root, layer, { entry: whole(entry), ...bodyOf(entry) });
  });
  return root;
}

function whole(entry: Entry): TarEntry {
  const nothing = { linkTarget: "", device: { major: 0, minor: 0 }, xattrs: new Map(), sizeBytes: 0, pieces: [], mtimeSeconds: 0 };
  return { mode: 0o700, uid: 0, gid: 0, ...nothing, ...entry };
}

/** A body is told by its entry's owner. */
function bodyOf({ kind, uid }: Entry): object {
  return kind === "file" ? { body: { sizeBytes: 1, pieces: [{ offset: 0, length: 1, from: uid ?? 0 }] } } : {};
}

function listing(root: FileNode): Record<string, string> {
  const lines: Record<string, string> = {};
  const visit = (node: FileNode, path: string): void => {
    const detail = node.kind === "symlink" ? ` -> ${node.linkTarget}` : (node.body?.pieces[0]?.from ?? node.uid);
    lines[path] = `${node.kind} ${node.mode.toString(8)} ${detail}`;
    for (const [name, child] of [...node.children].sort(([a], [b]) => (a < b ? -1 : 1))) visit(child.node, `${path}/${name}`);
  };
  for (const [name, child] of [...root.children].sort(([a], [b]) => (a < b ? -1 : 1))) visit(child.node, name);
  return lines;
}

const file = (path: string, uid = 0): Entry => ({ path, kind: "file", uid });
const directory = (path: string, uid = 0): Entry => ({ path, kind: "directory", uid });
const symlink = (path: string, linkTarget: string): Entry => ({ path, kind: "symlink", linkTarget });
const hardlink = (path: string, linkTarget: string): Entry => ({ path, kind: "hardlink", linkTarget });

test("paths through links are followed inside the root", () => {
  const root = tree([
    [
      directory("usr/lib"),
      symlink("lib", "usr/lib"),
      symlink("abs", "/usr/lib"),
      symlink("up", "../../../../usr/lib"),
      symlink("deep", "lib/x"),
    ],
    [file("lib/a"), file("./abs/b"), file("/up/c"), file("deep/d"), symlink("dangling", "not/yet"), file("dangling/e")],
  ]);
  expect(Object.keys(listing(root)).filter((path) => path.startsWith("usr/") || path.startsWith("not"))).toEqual([
    "not",
    "not/yet",
    "not/yet/e",
    "usr/lib",
    "usr/lib/a",
    "usr/lib/b",
    "usr/lib/c",
    "usr/lib/x",
    "usr/lib/x/d",
  ]);
});

test("a directory over a link replaces it, a file over a directory replaces all of it", () => {
  const root = tree([
    [directory("usr/lib"), file("usr/lib/a"), symlink("lib", "usr/lib")],
    [directory("lib", 1), file("usr", 2)],
  ]);
  expect(listing(root)).toEqual({ lib: "directory 700 1", usr: "file 700 2" });
});

test("a whiteout reaches lower layers only, wherever it stands in its own", () => {
  const lower = [directory("d", 1), file("d/old"), file("gone"), file("kept")];
  const upper = [file("d/new"), file("d/.wh..wh..opq"), file(".wh.gone"), file("gone", 7), file(".wh.never")];
  const expected = { d: "directory 700 1", "d/new": "file 700 0", gone: "file 700 7", kept: "file 700 0" };
  expect(listing(tree([lower, upper]))).toEqual(expected);
  expect(listing(tree([lower, [...upper].reverse()]))).toEqual(expected);
});

test("hard links share a file over layers, and part when one is replaced", () => {
  const root = tree([[file("a", 1)], [hardlink("b", "a"), hardlink("c", "/b")], [file("a", 2)]]);
  expect(lookUp(root, "b")).toBe(lookUp(root, "c"));
  expect(listing(root)).toEqual({ a: "file 700 2", b: "file 700 1", c: "file 700 1" });
});

const refusals: readonly (readonly [string, readonly Entry[]])[] = [
  ["a path that leads out", [file("../etc/passwd")]],
  ["a path through a file", [file("a"), file("a/b")]],
  ["links in a circle", [symlink("a", "b"), symlink("b", "a"), file("a/c")]],
  ["a hard link to nothing", [hardlink("a", "b")]],
  ["a hard link to a directory", [directory("b"), hardlink("a", "b")]],
  ["a hard link that leads out", [hardlink("a", "../../etc/shadow")]],
  ["a whiteout of nothing", [file(".wh.")]],
  ["a whiteout of a parent", [file("a/.wh...")]],
  ["a name that is too long", [file(`a/${"n".repeat(256)}`)]],
  ["a path that is too long", [file("a/".repeat(2100))]],
  ["a link to nowhere", [symlink("a", "")]],
  ["a zero byte", [file("a\0b")]],
];

test.each(refusals)("%s is refused", (_, entries) => {
  expect(refusal(entries)).toMatchSnapshot();
});

function refusal(entries: readonly Entry[]): string {
  try {
    return JSON.stringify(listing(tree([entries])));
  } catch (error) {
    return describeFailure(error as Failure);
  }
}

test("depth is bounded, though no single path is long", () => {
  const entries = Array.from({ length: 40 }, (_, index) => [
    directory(`${index === 0 ? "" : `l${index - 1}/`}${"d/".repeat(60)}`),
    symlink(`l${index}`, `${index === 0 ? "" : `l${index - 1}/`}${"d/".repeat(60)}`),
  ]).flat();
  expect(refusal(entries)).toContain("it lies deeper than 512 directories");
});

/** The specification taken by its word: first a layer's whiteouts act on what is below, then its entries are added. */
function reference(layers: readonly (readonly Entry[])[]): Record<string, string> {
  const files = new Map<string, Entry>();
  const removeBelow = (path: string): void =>
    [...files.keys()].filter((key) => path === "" || key.startsWith(`${path}/`)).forEach((key) => files.delete(key));
  for (const layer of layers) {
    for (const { path } of layer.filter(isWhiteout)) {
      const [, parent = "", name = ""] = /^(.*?)([^/]*)$/.exec(path) ?? [];
      const hidden = name === ".wh..wh..opq" ? parent.slice(0, -1) : `${parent}${name.slice(4)}`;
      removeBelow(hidden);
      if (name !== ".wh..wh..opq") files.delete(hidden);
    }
    for (const entry of layer.filter((one) => !isWhiteout(one))) add(files, entry, removeBelow);
  }
  const lines = [...files].sort(([a], [b]) => (a.split("/").join("\0") < b.split("/").join("\0") ? -1 : 1));
  return Object.fromEntries(lines.map(([path, { kind, mode, uid }]) => [path, `${kind} ${(mode ?? 0o700).toString(8)} ${uid ?? 0}`]));
}

function isWhiteout({ path }: Entry): boolean {
  return /(?:^|\/)\.wh\.[^/]*$/.test(path);
}

function add(files: Map<string, Entry>, entry: Entry, removeBelow: (path: string) => void): void {
  const parts = entry.path.split("/");
  for (let end = 1; end < parts.length; end++) {
    const parent = parts.slice(0, end).join("/");
    if (!files.has(parent)) files.set(parent, { path: parent, kind: "directory", mode: 0o755 });
  }
  if (entry.kind !== "directory" || files.get(entry.path)?.kind !== "directory") removeBelow(entry.path);
  files.set(entry.path, entry.kind === "hardlink" ? (files.get(entry.linkTarget ?? "") as Entry) : entry);
}

/** Directories are called d and e, files f and g, so that no path leads through a file but by being replaced. */
const folder = fc.array(fc.constantFrom("d", "e"), { maxLength: 2 });
const arbitraryEntry: fc.Arbitrary<Entry> = fc
  .tuple(folder, fc.constantFrom("f", "g", "d", "e", ".wh.f", ".wh.d", ".wh..wh..opq"), fc.nat(9))
  .map(([parents, name, uid]) =>
    ["d", "e"].includes(name) ? directory([...parents, name].join("/"), uid) : file([...parents, name].join("/"), uid),
  );

test("any stack of layers comes out as the specification says", () => {
  fc.assert(
    fc.property(fc.array(fc.array(arbitraryEntry, { maxLength: 8 }), { maxLength: 5 }), (layers) => {
      expect(listing(tree(layers))).toEqual(reference(layers));
    }),
    { numRuns: 2000 },
  );
});
