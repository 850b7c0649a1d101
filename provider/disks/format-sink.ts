/** What takes a disk's bytes from first to last and makes a file of another format of them. Used inside a thread: all of it waits. */
import { readSync, writeSync } from "node:fs";
import { createHash } from "node:crypto";

export interface FormatSink {
  /** `bytes` are the sink's to read until the call ends; windows follow each other. */
  window(bytes: Buffer, start: number): void;
  zeros(start: number, length: number): void;
  /** Completes the file. Answers its digest, unless whoever hashes the disk knows it. */
  finish(): string | undefined;
}

export function writeExactly(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at, bytes.length - at, position + at);
}

const pieceBytes = 64 * 1024;
const zeroPiece = Buffer.alloc(pieceBytes);

export function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    if (!piece.equals(zeroPiece.subarray(0, piece.length))) return false;
  }
  return true;
}

/** Calls with each run of 64 KiB pieces that are not zero. */
export function eachUsedRun(bytes: Buffer, use: (run: Buffer, offset: number) => void): void {
  let from = -1;
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const isUsed = !isZero(bytes.subarray(at, at + pieceBytes));
    if (isUsed && from < 0) from = at;
    if (!isUsed && from >= 0) {
      use(bytes.subarray(from, at), from);
      from = -1;
    }
  }
  if (from >= 0) use(bytes.subarray(from), from);
}

/** Of the first `length` bytes of a file. */
export function digestOf(descriptor: number, length: number): string {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(1024 ** 2);
  for (let at = 0; at < length;) {
    const count = readSync(descriptor, buffer, 0, Math.min(buffer.length, length - at), at);
    if (count === 0) throw new Error("A file that was just written is shorter than it should be.");
    hash.update(buffer.subarray(0, count));
    at += count;
  }
  return `sha256:${hash.digest("hex")}`;
}
