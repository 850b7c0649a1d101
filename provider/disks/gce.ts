/**
 * Format `gce`: `disk.raw` in a gzipped tar archive of the old GNU kind, as Google Compute Engine imports it. The disk in
 * it is a whole number of GiB, so the partition table's copy at the end moves.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { backupSectors, firstUsableSector, growGpt, sectorBytes } from "../model/gpt.ts";
import type { CachedDisk } from "../resources/ports.ts";
import { epochSeconds } from "./disk-times.ts";
import type { FormatWriter, FormatWriting } from "./format-writer.ts";

const gibibyte = 1024 ** 3;
const chunkBytes = 1024 ** 2;
const backupBytes = backupSectors * sectorBytes;
const primaryBytes = firstUsableSector * sectorBytes;
const tarBlockBytes = 512;
const zeros = Buffer.alloc(chunkBytes);

export const gce: FormatWriter = {
  extension: ".tar.gz",
  version: 1,
  write: async (writing) => {
    // Level 1: what the higher ones save in bytes they cost many times over in minutes.
    const output = createWriteStream(writing.path, { flags: "r+" });
    await pipeline(archive(writing), createGzip({ level: 1, chunkSize: chunkBytes }), output, { signal: writing.signal });
  },
};

async function* archive({ disk, onProgress }: FormatWriting): AsyncGenerator<Buffer> {
  const totalBytes = Math.ceil(disk.sizeBytes / gibibyte) * gibibyte;
  yield oldGnuHeader("disk.raw", totalBytes);
  let doneBytes = 0;
  for await (const chunk of grownDisk(disk, totalBytes)) {
    yield chunk;
    doneBytes += chunk.length;
    onProgress({ phase: "writing gce", doneBytes, totalBytes });
  }
  yield Buffer.alloc(2 * tarBlockBytes);
}

/** The disk with its partition table moved to the ends of a larger one. */
async function* grownDisk(disk: CachedDisk, totalBytes: number): AsyncGenerator<Buffer> {
  const { primary, backup } = growGpt(await firstBytes(disk.path), totalBytes / sectorBytes);
  yield primary;
  const body = { start: primaryBytes, end: disk.sizeBytes - backupBytes - 1, highWaterMark: chunkBytes };
  yield* createReadStream(disk.path, body) as AsyncIterable<Buffer>;
  for (let left = totalBytes - disk.sizeBytes; left > 0; left -= chunkBytes) yield zeros.subarray(0, Math.min(left, chunkBytes));
  yield backup;
}

async function firstBytes(path: string): Promise<Buffer> {
  await using file = await open(path, "r");
  const bytes = Buffer.alloc(primaryBytes);
  await file.read(bytes, 0, bytes.length, 0);
  return bytes;
}

/** Source: GNU tar manual, "Basic Tar Format". */
function oldGnuHeader(name: string, sizeBytes: number): Buffer {
  const block = Buffer.alloc(tarBlockBytes);
  const octal = (value: number, at: number, length: number): void =>
    void block.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
  block.write(name, 0, "latin1");
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  writeSize(block, sizeBytes);
  octal(epochSeconds, 136, 12);
  block.write("        0", 148, "latin1");
  block.write("ustar  \0", 257, "latin1");
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  block[154] = 0;
  return block;
}

/** Octal digits up to 8 GiB, then a big-endian number with its first bit set. */
function writeSize(block: Buffer, sizeBytes: number): void {
  if (sizeBytes < 8 * gibibyte) {
    block.write(sizeBytes.toString(8).padStart(11, "0"), 124, "latin1");
    return;
  }
  block[124] = 0x80;
  block.writeBigUInt64BE(BigInt(sizeBytes), 128);
}
