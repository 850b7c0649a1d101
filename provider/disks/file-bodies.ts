/** Keeps the bodies of regular files in a private folder, under numbers, until they are on a disk. */
import { mkdir, open, writeFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { FileBody } from "./file-node.ts";
import type { TarItem } from "./tar-reader.ts";

export interface FileBodies {
  /** Relative to the folder's parent, so that no path of this computer gets into scripts. */
  store(item: TarItem): Promise<FileBody>;
  /** Resolves when all bodies are written. */
  settle(): Promise<void>;
  /** The file that holds a body. */
  path(body: FileBody): string;
}

/** Bodies up to this size are written while the next entry is being read. */
const smallBytes = 256 * 1024;
const mostPending = 16;
/** One folder with 100,000 files would be slow on some file systems. */
const filesPerFolder = 1000;

/** `directory` must be private to this user: bodies lie there with mode 0600 whatever they are on the disk. */
export function fileBodies(directory: string): FileBodies {
  const pending = new Set<Promise<void>>();
  const folders = new Set<string>();
  let count = 0;
  let failure: { readonly error: unknown } | undefined;

  const begin = async (work: Promise<void>): Promise<void> => {
    const tracked = work
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => pending.delete(tracked));
    pending.add(tracked);
    if (pending.size >= mostPending) await Promise.race(pending);
  };
  const nextKey = async (): Promise<string> => {
    const folder = String(Math.floor(count / filesPerFolder));
    if (!folders.has(folder)) await mkdir(join(directory, folder), { mode: 0o700, recursive: true });
    folders.add(folder);
    return `${folder}/${count++}`;
  };
  const settle = async (): Promise<void> => {
    await Promise.all(pending);
    if (failure !== undefined) throw failure.error;
  };

  return {
    settle,
    path: (body) => join(directory, body.key),
    store: async (item) => {
      const { sizeBytes, pieces } = item.entry;
      const storedBytes = pieces.reduce((sum, { length }) => sum + length, 0);
      const key = await nextKey();
      const path = join(directory, key);
      if (storedBytes === sizeBytes && sizeBytes <= smallBytes)
        await begin(writeFile(path, await whole(item), { flag: "wx", mode: 0o600 }));
      else await writePieces(path, item);
      if (failure !== undefined) throw failure.error;
      return { key, sizeBytes, storedBytes, pieces: pieces.length };
    },
  };
}

/** The parts are copied: they lie in a buffer that lives longer than the entry. */
async function whole(item: TarItem): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of item.body()) parts.push(part);
  return Buffer.concat(parts);
}

async function writePieces(path: string, item: TarItem): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  const pieces = [...item.entry.pieces];
  let piece = pieces.shift();
  let done = 0;
  for await (const part of item.body()) {
    let rest = part;
    while (rest.length > 0 && piece !== undefined) {
      const here = rest.subarray(0, piece.length - done);
      await writeAll(file, here, piece.offset + done);
      done += here.length;
      rest = rest.subarray(here.length);
      if (done === piece.length) {
        piece = pieces.shift();
        done = 0;
      }
    }
  }
  await file.truncate(item.entry.sizeBytes);
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
}
