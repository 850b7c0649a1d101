/** Files that are whole or absent: written under another name in the same folder, synced, renamed. */
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** A name beside `path` that no reader looks for; `.partial-` marks what a crash may leave behind. */
export function partialPath(path: string): string {
  return `${path}.partial-${process.pid}-${randomBytes(6).toString("hex")}`;
}

export function isPartial(name: string): boolean {
  return name.includes(".partial-");
}

/** Removes what writers of `path` left behind that died; for whoever holds its lock. */
export async function removePartials(path: string): Promise<void> {
  for (const name of await readdir(dirname(path))) {
    if (name.startsWith(`${basename(path)}.partial-`)) await rm(join(dirname(path), name), { force: true });
  }
}

/** Lets `write` fill a partial file, syncs it and renames it to `path`; whatever goes wrong, no partial file stays. */
export async function writeAtomically(path: string, write: (partial: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = partialPath(path);
  try {
    await write(partial);
    await sync(partial);
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

/** Replaces a small file by `text`; mode 0600 unless told otherwise. */
export async function replaceFile(path: string, text: string, mode = 0o600): Promise<void> {
  await writeAtomically(path, async (partial) => {
    await writeFile(partial, text, { flag: "wx", mode });
  });
}
