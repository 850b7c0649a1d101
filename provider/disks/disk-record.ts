/** What is known of a cached disk, in a small file beside it. Whatever is wrong with it, the disk is made again. */
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseImageFacts, type ImageFacts } from "../model/image-check-facts.ts";
import { isDigest, type Digest } from "../model/digest.ts";
import { replaceFile } from "../storage/atomic-file.ts";

export interface DiskRecord {
  /** Of the raw bytes. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** The disk's own time: a disk that was written to since is not what the digest says. */
  readonly modifiedAt: number;
  readonly usedAt: number;
  /** Of the engine `direct`; see model/disk-layout.ts. */
  readonly layoutVersion?: number;
  /** What was seen in the image; left out where nobody looked, or an earlier version did. */
  readonly facts?: ImageFacts;
}

function recordPath(directory: string, identity: string): string {
  return join(directory, `${identity}.json`);
}

/** Undefined when there is no disk that matches a readable record. */
export async function readRecord(directory: string, identity: string): Promise<DiskRecord | undefined> {
  try {
    const record = parseRecord(await readFile(recordPath(directory, identity), "utf8"));
    const file = await stat(join(directory, `${identity}.raw`));
    return record?.sizeBytes === file.size && record.modifiedAt === file.mtimeMs ? record : undefined;
  } catch {
    return undefined;
  }
}

export async function writeRecord(directory: string, identity: string, record: DiskRecord): Promise<void> {
  await replaceFile(recordPath(directory, identity), `${JSON.stringify(record)}\n`);
}

export async function removeRecord(directory: string, identity: string): Promise<void> {
  await rm(recordPath(directory, identity), { force: true });
}

function parseRecord(text: string): DiskRecord | undefined {
  const value = JSON.parse(text) as Partial<Record<keyof DiskRecord, unknown>> | null;
  const { digest, sizeBytes, modifiedAt, usedAt } = value ?? {};
  const facts = parseImageFacts(value?.facts);
  if (typeof digest !== "string" || !isDigest(digest) || typeof sizeBytes !== "number") return undefined;
  if (typeof modifiedAt !== "number" || typeof usedAt !== "number") return undefined;
  const known = {
    ...(facts === undefined ? {} : { facts }),
    ...(typeof value?.layoutVersion === "number" ? { layoutVersion: value.layoutVersion } : {}),
  };
  return { digest, sizeBytes, modifiedAt, usedAt, ...known };
}
