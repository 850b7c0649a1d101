/** `sources`: what a build can reach as state keeps it, short enough for a diff. */
import { createHash } from "node:crypto";
import { compareBytewise } from "./bytewise.ts";

/** State and diffs stay readable up to here; past it, folders stand for their files. */
const maximumEntries = 300;
/** Of the 64 hex digits of a hash, as many as 128 bits need. */
const shownDigits = 32;

/** Path relative to the context (a folder's ends in "/") to a hash of 64 hex digits. */
export type SourceHashes = ReadonlyMap<string, string>;

/** Hash of all entries, file by file. */
export function hashSources(entries: SourceHashes): string {
  return hashEntries([...entries].toSorted(byPath));
}

/** File to hash; past some hundreds, folder to hash. `kept` stays a key of its own. */
export function foldSources(entries: SourceHashes, kept: string): Readonly<Record<string, string>> {
  const depth = foldDepth(entries);
  const groups = new Map<string, [string, string][]>();
  for (const [path, hash] of [...entries].toSorted(byPath)) {
    const key = path === kept ? path : foldKey(path, depth);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [[path, hash]]);
    else group.push([path, hash]);
  }
  const folded = [...groups].map(([key, group]) => [key, group[0]?.[0] === key ? group[0][1] : hashEntries(group)] as const);
  // Object.fromEntries makes an own property even of "__proto__".
  return Object.fromEntries(folded.toSorted(byPath).map(([key, hash]) => [key, hash.slice(0, shownDigits)]));
}

/** How many folders deep keys may go; Infinity: every file is a key. */
function foldDepth(entries: SourceHashes): number {
  if (entries.size <= maximumEntries) return Infinity;
  // Files of one folder fold alike, whatever the depth: folders are few.
  const groups = new Set([...entries.keys()].map((path) => (path.includes("/") ? `${folders(path).join("/")}/x` : path)));
  const deepest = [...groups].reduce((depth, path) => Math.max(depth, folders(path).length), 0);
  for (let depth = deepest; depth > 0; depth--) {
    if (new Set([...groups].map((path) => foldKey(path, depth))).size <= maximumEntries) return depth;
  }
  return 0;
}

function foldKey(path: string, depth: number): string {
  if (depth === Infinity) return path;
  if (depth === 0) return "./";
  const above = folders(path);
  return above.length === 0 ? path : `${above.slice(0, depth).join("/")}/`;
}

function folders(path: string): readonly string[] {
  return path.split("/").slice(0, path.endsWith("/") ? -2 : -1);
}

function hashEntries(entries: readonly (readonly [string, string])[]): string {
  const text = entries.map(([path, entry]) => `${path}\0${entry}\n`).join("");
  return createHash("sha256").update(text).digest("hex");
}

function byPath(a: readonly [string, string], b: readonly [string, string]): number {
  return compareBytewise(a[0], b[0]);
}
