/** What is known of the files that were written for users, so that the same file is not written twice. */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isDigest, type Digest } from "../model/digest.ts";
import { replaceFile } from "../storage/atomic-file.ts";

/** A file that was changed or replaced since no longer has the size or the time. */
export interface ExportRecord {
  /** Disk, format and the version of its writer. */
  readonly content: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly modifiedAt: number;
}

/** Kept in the cache, not beside the user's file; lost records cost one more writing. */
function recordPath(directory: string, file: string): string {
  return join(directory, "exports", `${createHash("sha256").update(file).digest("hex")}.json`);
}

/** The record of the file, if it still is what was written. */
export async function readExport(directory: string, file: string, content: string): Promise<ExportRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(recordPath(directory, file), "utf8")) as Partial<ExportRecord> | null;
    const { size, mtimeMs } = await stat(file);
    const { digest } = record ?? {};
    if (record?.content !== content || record.sizeBytes !== size || record.modifiedAt !== mtimeMs) return undefined;
    return digest !== undefined && isDigest(digest) ? { content, digest, sizeBytes: size, modifiedAt: mtimeMs } : undefined;
  } catch {
    return undefined;
  }
}

export async function writeExport(
  directory: string,
  file: string,
  { content, digest }: Pick<ExportRecord, "content" | "digest">,
): Promise<ExportRecord> {
  const { size, mtimeMs } = await stat(file);
  const record = { content, digest, sizeBytes: size, modifiedAt: mtimeMs };
  await replaceFile(recordPath(directory, file), `${JSON.stringify(record)}\n`);
  return record;
}
