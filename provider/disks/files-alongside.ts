/** Files of other formats that are written in the same pass as the disk itself. */
import { access, constants, mkdir, open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import type { Digest } from "../model/digest.ts";
import { partialPath, removePartials } from "../storage/atomic-file.ts";
import { tryLock } from "../storage/process-lock.ts";
import type { PassTarget } from "./disk-pass-thread.ts";
import { readExport, writeExport } from "./export-record.ts";
import { formatFile, type FormatFile, type WantedFile } from "./format-files.ts";

export interface FilesAlongside extends AsyncDisposable {
  /** What the pass is to write beside the disk. */
  open(sizeBytes: number): Promise<readonly PassTarget[]>;
  /** Gives the files their names; one digest for each target. */
  complete(digests: readonly Digest[]): Promise<void>;
}

interface OpenFile {
  readonly file: FormatFile;
  readonly partial: string;
  readonly handle: FileHandle;
}

/** What is wrong with a folder is told when the file is asked for. */
async function canMake(directory: string): Promise<boolean> {
  return mkdir(directory, { recursive: true }).then(
    () =>
      access(directory, constants.W_OK).then(
        () => true,
        () => false,
      ),
    () => false,
  );
}

/** `cacheDirectory` keeps the records of what was written. */
export function filesAlongside(wanted: readonly WantedFile[], identity: string, cacheDirectory: string): FilesAlongside {
  const release: (() => Promise<void>)[] = [];
  const opened: OpenFile[] = [];
  return {
    open: async (sizeBytes) => {
      const targets: PassTarget[] = [];
      for (const file of wanted.map((one) => formatFile(one, identity))) {
        const { writer, path, content } = file;
        if (!("target" in writer) || !(await canMake(dirname(path)))) continue;
        // Whoever holds the lock may be waiting for this very disk, so nobody waits for it here; it is then written later.
        const lock = await tryLock(path);
        if (lock === undefined) continue;
        release.push(() => lock.release());
        await removePartials(path);
        if ((await readExport(cacheDirectory, path, content)) !== undefined) continue;
        const partial = partialPath(path);
        // The disk holds what only root may read inside it, so the file is its owner's alone.
        const handle = await open(partial, "wx+", 0o600);
        opened.push({ file, partial, handle });
        targets.push({ ...writer.target({ identity, sizeBytes }), descriptor: handle.fd });
      }
      return targets;
    },
    complete: async (digests) => {
      for (const [index, { file, partial, handle }] of opened.entries()) {
        await handle.sync();
        await rename(partial, file.path);
        const digest = digests[index];
        if (digest !== undefined) await writeExport(cacheDirectory, file.path, { content: file.content, digest });
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const { partial, handle } of opened) {
        await handle.close();
        await rm(partial, { force: true });
      }
      for (const one of release) await one();
    },
  };
}
