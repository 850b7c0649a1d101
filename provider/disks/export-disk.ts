/** Files for users, in the format they ask for, written whole or not at all. */
import { mkdir, open, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { cancelled, Failure } from "../failure.ts";
import { diskFormats, type DiskFormat } from "../model/disk.ts";
import type { CachedDisk, ExportedFile, ExportRequest } from "../resources/ports.ts";
import { writeAtomically } from "../storage/atomic-file.ts";
import { withLock } from "../storage/process-lock.ts";
import { reportDiskFull } from "./disk-full.ts";
import { readExport, writeExport, type ExportRecord } from "./export-record.ts";
import { digestFile } from "./file-digest.ts";
import type { FormatWriter } from "./format-writer.ts";
import { gce } from "./gce.ts";
import type { DiskPrograms } from "./programs.ts";
import { qcow2 } from "./qcow2.ts";
import { raw } from "./raw.ts";
import { vhd } from "./vhd.ts";
import { vmdk } from "./vmdk.ts";

const writers: Readonly<Record<DiskFormat, FormatWriter>> = { raw, qcow2, vhd, vmdk, gce };

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
  const writer = writerOf(format);
  const directory = resolve(request.directory);
  const path = join(directory, `${checkedName(request.baseName)}${writer.extension}`);
  const content = `${identity} ${format} ${writer.version}`;
  await makeFolder(directory);
  const onWait = (): void => onProgress({ phase: "waiting for another process that writes the same file", doneBytes: 0 });
  return withLock(path, { signal, onWait }, async () => {
    const found = await readExport(cacheDirectory, path, content);
    const record = found ?? (await withDisk((disk) => writeFile({ disk, writer, path, request, programs, cacheDirectory, content })));
    return { path, format, sizeBytes: record.sizeBytes, digest: record.digest };
  });
}

interface Writing {
  readonly disk: CachedDisk;
  readonly writer: FormatWriter;
  readonly path: string;
  readonly request: ExportRequest;
  readonly programs: DiskPrograms;
  readonly cacheDirectory: string;
  readonly content: string;
}

async function writeFile({ disk, writer, path, request, programs, cacheDirectory, content }: Writing): Promise<ExportRecord> {
  const { signal, onProgress, format, baseName } = request;
  onProgress({ phase: `writing ${format}`, doneBytes: 0 });
  let digest = disk.digest;
  try {
    await writeAtomically(path, async (partial) => {
      // The disk holds what only root may read inside it, so the file is its owner's alone.
      await (await open(partial, "wx", 0o600)).close();
      await writer.write({ disk, path: partial, fileName: `${baseName}${writer.extension}`, programs, signal, onProgress });
      if (signal.aborted) throw cancelled(`Writing ${path}`);
      const totalBytes = (await stat(partial)).size;
      if (format !== "raw") digest = await digestFile(partial, { phase: `reading ${format} back`, totalBytes, signal, onProgress });
    });
  } catch (error) {
    throw signal.aborted ? cancelled(`Writing ${path}`) : await reportDiskFull(error, resolve(request.directory), exportRemedy);
  }
  return writeExport(cacheDirectory, path, { content, digest });
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

function writerOf(format: string): FormatWriter {
  const writer = Object.entries(writers).find(([name]) => name === format)?.[1];
  if (writer !== undefined) return writer;
  throw new Failure({
    kind: "input",
    code: "unknown-format",
    message: `format "${format}" is not one this provider can write; use ${diskFormats.slice(0, -1).join(", ")} or ${diskFormats.at(-1)}.`,
    fix: "change formats.",
  });
}

function checkedName(name: string): string {
  if (name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name)) return name;
  throw new Failure({
    kind: "input",
    code: "file-name",
    message: `"${name}" cannot be the name of a file.`,
    fix: "use a name without slashes.",
  });
}
