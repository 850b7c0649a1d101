/** Where a link leads inside the context: builders never leave it, so `/x` and `../../x` start at its root. */
import { lstatSync, type BigIntStats } from "node:fs";
import { readingFailure } from "./context-failure.ts";
import { diskPath, readLink } from "./path-bytes.ts";

const maximumLinks = 40;

export interface LinkTarget {
  /** Relative to the context; empty for the context itself. */
  readonly path: string;
  readonly stat: BigIntStats;
}

/** Undefined when the link leads nowhere, or round and round. */
export function followLink(root: string, path: string): LinkTarget | undefined {
  const resolved: string[] = path.split("/").slice(0, -1);
  const ahead = [path.split("/").at(-1) ?? ""];
  let links = 0;
  while (ahead.length > 0) {
    const name = ahead.shift() ?? "";
    if (name === "" || name === ".") continue;
    if (name === "..") {
      resolved.pop();
      continue;
    }
    const at = [...resolved, name].join("/");
    const stat = statOf(`${root}/${at}`, at);
    if (stat === undefined) return undefined;
    if (!stat.isSymbolicLink()) {
      resolved.push(name);
      continue;
    }
    links++;
    if (links > maximumLinks) return undefined;
    const target = readLink(`${root}/${at}`);
    if (target.startsWith("/")) resolved.length = 0;
    ahead.unshift(...target.split("/"));
  }
  const stat = statOf(`${root}/${resolved.join("/")}`, resolved.join("/"));
  return stat === undefined ? undefined : { path: resolved.join("/"), stat };
}

/** Undefined when there is nothing at that path. */
export function statOf(path: string, shown: string): BigIntStats | undefined {
  try {
    return lstatSync(diskPath(path), { bigint: true });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw readingFailure(shown, thrown);
  }
}
