/** Folders for work in progress: mode 0700, removed when the work ends, and by a later run when it was killed. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeOwnFolder } from "./own-folder.ts";

/** Programs that work in such a folder put their own beside it, under its name and a suffix. */
const namePattern = /^[a-z0-9-]+\.([0-9]+)\.[0-9a-f]+(?:-.+)?$/;

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** What killed runs left behind, known by the process id in the name. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const processId = namePattern.exec(name)?.[1];
    if (processId !== undefined && !isAlive(Number(processId))) await rm(join(parent, name), { recursive: true, force: true });
  }
}

/** The same with a parent that is known beforehand. */
export function temporaryFolders(parent: string): <T>(purpose: string, work: (folder: string) => Promise<T>) => Promise<T> {
  return (purpose, work) => withTemporaryFolder(parent, purpose, work);
}

/** Runs `work` with an empty folder below `parent`; `purpose` is a word for its name. */
export async function withTemporaryFolder<T>(parent: string, purpose: string, work: (folder: string) => Promise<T>): Promise<T> {
  await makeOwnFolder({ path: parent, holds: "Files of work in progress", variable: "XDG_CACHE_HOME" });
  await sweep(parent);
  const folder = join(parent, `${purpose}.${process.pid}.${randomBytes(6).toString("hex")}`);
  await mkdir(folder, { mode: 0o700 });
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
