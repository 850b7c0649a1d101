/** The files that say how a context is built: the Containerfile, and the ignore file that goes with it. */
import { readFileSync, statSync, type Stats } from "node:fs";
import { relative, resolve, sep } from "node:path";
import { Failure } from "../failure.ts";
import { nothingIgnored, parseIgnoreFile, type IgnoreRules } from "../model/ignore-file.ts";
import { readingFailure } from "./context-failure.ts";

export interface ContextFile {
  /** Relative to the context, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** The context's absolute path. */
export function contextRoot(context: string): string {
  const root = resolve(context);
  const stat = statIfThere(root, context);
  if (stat?.isDirectory() === true) return root;
  const isUrl = /^[a-z+]+:\/\/|^git@/.test(context);
  const what = isUrl
    ? "is no folder on this computer, and a URL cannot be built from"
    : stat === undefined
      ? "does not exist"
      : "is no folder";
  throw new Failure({
    kind: "input",
    message: `context "${context}" ${what}.`,
    fix: "set context to a folder; a relative one starts at the folder of Pulumi.yaml.",
  });
}

export function readContainerfile(root: string, context: string, wanted: string | undefined): ContextFile {
  const names = wanted === undefined ? ["Containerfile", "Dockerfile"] : [wanted];
  for (const name of names) {
    const absolute = resolve(root, name);
    const path = relative(root, absolute).split(sep).join("/");
    const bytes = readIfThere(absolute, path);
    if (bytes !== undefined) return { path, bytes, text: decode(bytes, path) };
  }
  throw new Failure({
    kind: "input",
    message:
      wanted === undefined
        ? `There is neither a Containerfile nor a Dockerfile in context "${context}".`
        : `containerfile "${wanted}" does not exist in context "${context}".`,
    fix: "write one there, or set containerfile to its path, relative to the context.",
  });
}

/** The first that is there: beside the Containerfile under its name, then in the context's root. */
export function readIgnoreRules(root: string, containerfile: string): IgnoreRules {
  const names = [`${containerfile}.containerignore`, `${containerfile}.dockerignore`, ".containerignore", ".dockerignore"];
  for (const name of names) {
    const bytes = readIfThere(resolve(root, name), name);
    if (bytes !== undefined) return parseIgnoreFile(decode(bytes, name), name);
  }
  return nothingIgnored;
}

function readIfThere(absolute: string, path: string): Uint8Array | undefined {
  if (statIfThere(absolute, path)?.isFile() !== true) return undefined;
  try {
    return readFileSync(absolute);
  } catch (thrown) {
    throw readingFailure(path, thrown);
  }
}

function statIfThere(absolute: string, path: string): Stats | undefined {
  try {
    return statSync(absolute, { throwIfNoEntry: false });
  } catch (thrown) {
    throw readingFailure(path, thrown);
  }
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Failure({ kind: "input", message: `${path} in the build context is not UTF-8 text.`, fix: "save it as UTF-8." });
  }
}
