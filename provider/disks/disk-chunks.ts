/**
 * Pieces of a raw disk in zstd, for registries. Equal pieces give equal bytes with the same Node, so that a piece which did not
 * change is not sent again; whoever reads one goes by the digest of what it unpacks to. A few pieces are in memory at once.
 */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { constants, createZstdDecompress, zstdCompress } from "node:zlib";
import { cancelled, Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import type { DiskChunk, PackedChunk } from "../model/published-disk.ts";

export const chunkBytes = 64 * 1024 ** 2;
const readBytes = 1024 ** 2;
/** What is all zero on this scale stays a hole. */
const holeBytes = 64 * 1024;

const compress = promisify(zstdCompress);
const zeros = Buffer.alloc(readBytes);

export function chunkOffsets(sizeBytes: number): readonly number[] {
  return Array.from({ length: Math.ceil(sizeBytes / chunkBytes) }, (_, index) => index * chunkBytes);
}

/** Undefined when the piece is all zero. Reads and hashes in small steps; zstd works on a thread of its own. */
export async function packChunk(file: FileHandle, offsetBytes: number, signal: AbortSignal): Promise<PackedChunk | undefined> {
  const { size } = await file.stat();
  const bytes = Buffer.allocUnsafe(Math.min(chunkBytes, size - offsetBytes));
  const hash = createHash("sha256");
  let isZero = true;
  for (let at = 0; at < bytes.length;) {
    if (signal.aborted) throw cancelled("Publishing the disk");
    const { bytesRead } = await file.read(bytes, at, Math.min(readBytes, bytes.length - at), offsetBytes + at);
    if (bytesRead === 0) throw new Failure({ kind: "bug", message: "A cached disk became shorter while it was read." });
    const part = bytes.subarray(at, at + bytesRead);
    hash.update(part);
    isZero &&= isAllZero(part);
    at += bytesRead;
  }
  if (isZero) return undefined;
  const packed = await compress(bytes, { chunkSize: readBytes, params: { [constants.ZSTD_c_compressionLevel]: 3 } });
  const blob = { digest: await digestInSteps(packed), sizeBytes: packed.length };
  return { offsetBytes, lengthBytes: bytes.length, digest: `sha256:${hash.digest("hex")}`, blob, bytes: packed };
}

function isAllZero(bytes: Buffer): boolean {
  return bytes.equals(zeros.subarray(0, bytes.length));
}

/** Lets others have a turn between the steps. */
async function digestInSteps(bytes: Buffer): Promise<Digest> {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length; at += readBytes) {
    hash.update(bytes.subarray(at, at + readBytes));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return `sha256:${hash.digest("hex")}`;
}

export interface Unpacking {
  readonly chunk: DiskChunk;
  /** In zstd. */
  readonly packed: Readable;
  /** Has its size already and is all zero where nothing was written. */
  readonly file: FileHandle;
  /** The disk in messages. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/** Writes a piece where it belongs; what is more, less or other than it says is refused. */
export async function unpackChunk({ chunk, packed, file, name, signal }: Unpacking): Promise<void> {
  const hash = createHash("sha256");
  let doneBytes = 0;
  const write = async (source: AsyncIterable<Buffer>): Promise<void> => {
    for await (const part of source) {
      if (doneBytes + part.length > chunk.lengthBytes) throw wrongPiece(name, chunk, `more than its ${chunk.lengthBytes} bytes`);
      hash.update(part);
      await writeData(file, part, chunk.offsetBytes + doneBytes);
      doneBytes += part.length;
    }
  };
  try {
    await pipeline(packed, createZstdDecompress({ chunkSize: readBytes }), write, { signal });
  } catch (error) {
    throw isZstdError(error) ? wrongPiece(name, chunk, "no zstd") : error;
  }
  if (doneBytes < chunk.lengthBytes) throw wrongPiece(name, chunk, `only ${doneBytes} of its ${chunk.lengthBytes} bytes`);
  if (`sha256:${hash.digest("hex")}` !== chunk.digest) throw wrongPiece(name, chunk, "other bytes than it says");
}

async function writeData(file: FileHandle, part: Buffer, position: number): Promise<void> {
  for (let at = 0; at < part.length; at += holeBytes) {
    const block = part.subarray(at, at + holeBytes);
    if (!isAllZero(block)) await file.write(block, 0, block.length, position + at);
  }
}

function isZstdError(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? "";
  return code.startsWith("ZSTD_") || code === "Z_BUF_ERROR";
}

function wrongPiece(name: string, { offsetBytes }: DiskChunk, what: string): Failure {
  return new Failure({
    kind: "remote",
    code: "broken-artifact",
    message: `The published disk ${name} cannot be used: its piece at byte ${offsetBytes} holds ${what}.`,
    fix: "delete it in the registry, and run pulumi up again, which publishes the disk anew.",
  });
}
