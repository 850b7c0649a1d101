/**
 * A copy of a build context that looks the same whoever made it: modes 0644 and 0755 as in Git, no hard links, no
 * extended attributes. Builders put all of these into layers, so without the copy another umask would give another
 * image. On file systems that share blocks the copy costs next to nothing.
 */
import { constants } from "node:fs";
import { chmod, copyFile, lstat, mkdir, readdir, readlink, symlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { cancelled, Failure } from "../failure.ts";
import { judge, mayBringBack, type IgnoreRules, type Matches } from "../model/ignore-file.ts";

export interface ContextCopy {
  readonly from: string;
  readonly to: string;
  /** What they hide is not copied. */
  readonly rules: IgnoreRules;
  /** Folders that are left out too: those that the build itself fills. */
  readonly leaveOut: readonly string[];
  readonly signal: AbortSignal;
}

const copiesAtOnce = 16;

export async function copyContext(copy: ContextCopy): Promise<void> {
  await mkdir(copy.to, { recursive: true });
  const paths = walk(copy, "", undefined);
  const worker = async (): Promise<void> => {
    for await (const path of paths) {
      if (copy.signal.aborted) throw cancelled("Copying the build context");
      await copyEntry(copy, path);
    }
  };
  await Promise.all(Array.from({ length: copiesAtOnce }, worker));
}

/** A hidden folder is walked when something below it may be brought back; it comes into being with that. */
async function* walk(copy: ContextCopy, folder: string, parent: Matches | undefined): AsyncGenerator<string> {
  const entries = await readdir(join(copy.from, folder), { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw copyFailure(folder, copy.from, error);
  });
  for (const entry of entries) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (copy.leaveOut.some((other) => resolve(copy.from, path) === resolve(other))) continue;
    const { ignored, matches } = judge(copy.rules, path, parent);
    if (!ignored) yield path;
    if (entry.isDirectory() && (!ignored || mayBringBack(copy.rules, path))) yield* walk(copy, path, matches);
  }
}

/** Parents are made first whatever the order: many entries are under way at once. */
async function copyEntry(copy: ContextCopy, path: string): Promise<void> {
  const from = join(copy.from, path);
  const to = join(copy.to, path);
  try {
    const stat = await lstat(from);
    if (stat.isDirectory()) return await makeFolder(to);
    await makeFolder(dirname(to));
    if (stat.isSymbolicLink()) return await symlink(await readlink(from), to);
    if (!stat.isFile()) return;
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await chmod(to, (stat.mode & 0o100) === 0 ? 0o644 : 0o755);
  } catch (error) {
    throw copyFailure(path, copy.from, error as NodeJS.ErrnoException);
  }
}

/** Mode 0755 whatever the umask: the process keeps its umask, since that belongs to all of it. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o755 });
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    await chmod(made, 0o755);
    if (made === first) return;
  }
}

/** `path` is relative, empty for the context itself. */
export function copyFailure(path: string, context: string, error: NodeJS.ErrnoException): Failure {
  const what = path === "" ? `The build context ${context}` : `${path} of the build context ${context}`;
  if (error.code === "ENOSPC") {
    const message = `${what} could not be copied for the build, since the disk is full. Nothing was built.`;
    return new Failure({ kind: "environment", code: "no-space", message, fix: "free some space, then run pulumi up again.", cause: error });
  }
  if (error.code === "ENOENT") {
    const message = `${what} disappeared while it was being read. Nothing was built.`;
    return new Failure({ kind: "input", message, fix: "run pulumi up again once nothing changes the folder any more.", cause: error });
  }
  const message = `${what} could not be read (${error.code ?? error.message}). Nothing was built.`;
  return new Failure({ kind: "input", message, fix: "make it readable for you, or list it in .containerignore.", cause: error });
}
