/** Makes a folder of our own, which only the user may enter, and says plainly when that cannot be. */
import { constants } from "node:fs";
import { access, mkdir } from "node:fs/promises";
import { Failure } from "../failure.ts";

export interface OwnFolder {
  readonly path: string;
  /** What is kept in it, as the subject of a sentence: `Disks`. */
  readonly holds: string;
  /** Variable that puts it elsewhere. */
  readonly variable: "XDG_CACHE_HOME" | "XDG_DATA_HOME" | "XDG_STATE_HOME";
}

export async function makeOwnFolder(folder: OwnFolder): Promise<void> {
  try {
    await mkdir(folder.path, { recursive: true, mode: 0o700 });
    await access(folder.path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (thrown) {
    throw unusable(folder, thrown);
  }
}

/** What the kernel answered, in the user's words. */
export function unusable({ path, holds, variable }: OwnFolder, thrown: unknown): Failure {
  return new Failure({
    kind: "environment",
    code: "own-folder",
    message: `${holds} are kept in ${path}, and that cannot be used (${(thrown as NodeJS.ErrnoException).code ?? String(thrown)}).`,
    fix: `set ${variable} to a folder that you may write to.`,
    cause: thrown,
  });
}
