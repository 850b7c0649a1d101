/**
 * A copy of a build context that looks the same whoever made it: modes 0644 and 0755 as in Git, no hard links, no
 * extended attributes. Builders put all of these into layers, so without the copy another umask would give another
 * image. On file systems that share blocks the copy costs next to nothing.
 */
import { constants } from "node:fs";
import { chmod, copyFile, lstat, mkdir, readdir, readlink, symlink } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { cancelled, Failure } from "../failure.ts";

export interface ContextCopy {
  readonly from: string;
  readonly to: string;
  /** Relative paths to copy; absent: everything. */
  readonly files?: readonly string[];
  /** Folders that are left out when everything is copied: those that the build itself fills. */
  readonly leaveOut: readonly string[];
  readonly signal: AbortSignal;
}

const copiesAtOnce = 16;

export async function copyContext(copy: ContextCopy): Promise<void> {
  await mkdir(copy.to, { recursive: true });
  const paths = copy.files === undefined ? walk(copy, "") : listed(copy.files);
  const worker = async (): Promise<void> => {
    for await (const path of paths) {
      if (copy.signal.aborted) throw cancelled("Copying the build context");
      await copyEntry(copy, path);
    }
  };
  await Promise.all(Array.from({ length: copiesAtOnce }, worker));
}

async function* listed(files: readonly string[]): AsyncGenerator<string> {
  for (const path of files) {
    const leaves = isAbsolute(path) || path.split("/").includes("..");
    if (leaves) throw new Failure({ kind: "bug", message: `The list of context files names ${path}, which is outside the context.` });
    yield path;
  }
}

async function* walk(copy: ContextCopy, folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(join(copy.from, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (copy.leaveOut.some((other) => relative(resolve(copy.from, path), resolve(other)) === "")) continue;
    yield path;
    if (entry.isDirectory()) yield* walk(copy, path);
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
    throw notCopied(path, copy.from, error as NodeJS.ErrnoException);
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

function notCopied(path: string, context: string, error: NodeJS.ErrnoException): Failure {
  if (error.code === "ENOSPC") {
    const message = `The disk is full: ${path} could not be copied beside the other files of the build context ${context}. Nothing was built.`;
    return new Failure({ kind: "environment", code: "no-space", message, fix: "free some space, then run pulumi up again.", cause: error });
  }
  if (error.code === "ENOENT") {
    const message = `${path} disappeared from the build context ${context} while it was being read. Nothing was built.`;
    return new Failure({ kind: "input", message, fix: "run pulumi up again once nothing changes the folder any more.", cause: error });
  }
  const message = `${path} of the build context ${context} could not be read (${error.code ?? error.message}). Nothing was built.`;
  return new Failure({ kind: "input", message, fix: "make it readable for you, or list it in .containerignore.", cause: error });
}
