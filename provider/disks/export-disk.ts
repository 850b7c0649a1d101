/** Files for users, in the format they ask for, written whole or not at all. */
import { mkdir, open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { cancelled, Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import type { CachedDisk, ExportedFile, ExportRequest } from "../resources/ports.ts";
import { removePartials, writeAtomically } from "../storage/atomic-file.ts";
import { withLock } from "../storage/process-lock.ts";
import { reportDiskFull } from "./disk-full.ts";
import { passOver } from "./disk-pass.ts";
import { readExport, writeExport, type ExportRecord } from "./export-record.ts";
import { digestFile } from "./file-digest.ts";
import { formatFile, type FormatFile } from "./format-files.ts";
import type { PassFormat } from "./format-writer.ts";
import type { DiskPrograms } from "./programs.ts";

const exportRemedy = "set directory to a folder with more";

export interface Exporting {
  readonly request: ExportRequest;
  readonly identity: string;
  readonly programs: DiskPrograms;
  /** Where records of what was written are kept. */
  readonly cacheDirectory: string;
  /** Finds or makes the disk, and keeps it while the work goes on. */
  readonly withDisk: <T>(work: (disk: CachedDisk) => Promise<T>) => Promise<T>;
}

export async function exportDisk({ request, identity, programs, cacheDirectory, withDisk }: Exporting): Promise<ExportedFile> {
  const { format, signal, onProgress } = request;
  const file = formatFile(request, identity);
  const { path, content } = file;
  await makeFolder(resolve(request.directory));
  const onWait = (): void => onProgress({ phase: "waiting for another process that writes the same file", doneBytes: 0 });
  return withLock(path, { signal, onWait }, async () => {
    await removePartials(path);
    const found = await readExport(cacheDirectory, path, content);
    const record = found ?? (await withDisk((disk) => writeFile({ disk, file, request, programs, cacheDirectory })));
    return { path, format, sizeBytes: record.sizeBytes, digest: record.digest };
  });
}

interface Writing {
  readonly disk: CachedDisk;
  readonly file: FormatFile;
  readonly request: ExportRequest;
  readonly programs: DiskPrograms;
  readonly cacheDirectory: string;
}

async function writeFile({ disk, file, request, programs, cacheDirectory }: Writing): Promise<ExportRecord> {
  const { signal, onProgress, format } = request;
  const { writer, path, fileName, content } = file;
  onProgress({ phase: `writing ${format}`, doneBytes: 0 });
  let digest = disk.digest;
  try {
    await writeAtomically(path, async (partial) => {
      if ("target" in writer) {
        digest = await passInto(partial, writer, { disk, request });
      } else {
        // The disk holds what only root may read inside it, so the file is its owner's alone.
        await (await open(partial, "wx", 0o600)).close();
        await writer.write({ disk, path: partial, fileName, programs, signal, onProgress });
        const totalBytes = (await stat(partial)).size;
        if (format === "vmdk") digest = await digestFile(partial, { phase: `reading ${format} back`, totalBytes, signal, onProgress });
      }
      if (signal.aborted) throw cancelled(`Writing ${path}`);
    });
  } catch (error) {
    throw signal.aborted ? cancelled(`Writing ${path}`) : await reportDiskFull(error, resolve(request.directory), exportRemedy);
  }
  return writeExport(cacheDirectory, path, { content, digest });
}

interface Passing {
  readonly disk: CachedDisk;
  readonly request: ExportRequest;
}

/** Answers the file's digest, once the cached disk has proved to be what its record says. */
async function passInto(path: string, writer: PassFormat, { disk, request }: Passing): Promise<Digest> {
  await using source = await open(disk.path, "r");
  await using target = await open(path, "wx+", 0o600);
  const { format, signal, onProgress } = request;
  const { digest, digests } = await passOver({
    source: source.fd,
    sizeBytes: disk.sizeBytes,
    targets: [{ ...writer.target(disk), descriptor: target.fd }],
    phase: `writing ${format}`,
    signal,
    onProgress,
  });
  if (digest !== disk.digest) throw damaged(disk);
  return digests[0] ?? disk.digest;
}

function damaged({ path, digest }: CachedDisk): Failure {
  return new Failure({
    kind: "environment",
    code: "damaged-disk",
    message: `The cached disk ${path} is no longer what was made: its bytes do not match ${digest}. Nothing was written from it.`,
    fix: "remove it; the next run makes it again.",
  });
}

async function makeFolder(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    throw new Failure({
      kind: "environment",
      code: "directory",
      message: `directory "${directory}" cannot be made (${(error as NodeJS.ErrnoException).code ?? String(error)}).`,
      fix: "set directory to a folder that you may write to.",
      cause: error,
    });
  }
}
