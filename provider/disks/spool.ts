/**
 * Keeps the bodies of an image's files, uncompressed and one after the other in one private file, until it is known where
 * on the disk they belong. So a layer is decompressed once, and a body is never held in memory.
 */
import { open, type FileHandle } from "node:fs/promises";
import type { StoredBytes, StoredPiece } from "../model/disk-extent.ts";
import type { TarItem } from "./tar-reader.ts";

export interface Spool {
  /** Open for reading and writing. */
  readonly descriptor: number;
  store(item: TarItem): Promise<StoredBytes>;
  add(bytes: Buffer): Promise<StoredBytes>;
  /** Resolves when all bytes can be read. */
  settle(): Promise<void>;
  /** A whole body; for files that must be looked into. */
  read(body: StoredBytes): Promise<Buffer>;
  [Symbol.asyncDispose](): Promise<void>;
}

const bufferBytes = 1024 ** 2;

/** A new file, or one that is there already and begins with so many bytes that stay. */
export async function openSpool(path: string, { keptBytes }: { readonly keptBytes?: number } = {}): Promise<Spool> {
  const file = await open(path, keptBytes === undefined ? "wx+" : "r+", 0o600);
  const writer = new SpoolWriter(file, keptBytes);
  return {
    descriptor: file.fd,
    store: async (item) => {
      const pieces: StoredPiece[] = [];
      let from = writer.position;
      for (const { offset, length } of item.entry.pieces) {
        pieces.push({ offset, length, from });
        from += length;
      }
      for await (const part of item.body()) await writer.write(part);
      return { sizeBytes: item.entry.sizeBytes, pieces };
    },
    add: async (bytes) => {
      const from = writer.position;
      await writer.write(bytes);
      return { sizeBytes: bytes.length, pieces: bytes.length === 0 ? [] : [{ offset: 0, length: bytes.length, from }] };
    },
    settle: () => writer.settle(),
    read: async ({ sizeBytes, pieces }) => {
      await writer.settle();
      const bytes = Buffer.alloc(sizeBytes);
      for (const { offset, length, from } of pieces) await readAll(file, bytes.subarray(offset, offset + length), from);
      return bytes;
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** Two buffers: one is filled while the other is written. */
class SpoolWriter {
  readonly #file: FileHandle;
  #filling = Buffer.allocUnsafe(bufferBytes);
  #other = Buffer.allocUnsafe(bufferBytes);
  #filled = 0;
  #written: number;
  #writing: Promise<void> = Promise.resolve();
  #settled: Promise<void> = Promise.resolve();

  constructor(file: FileHandle, position = 0) {
    this.#file = file;
    this.#written = position;
  }

  get position(): number {
    return this.#written + this.#filled;
  }

  async write(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const copied = bytes.copy(this.#filling, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled === bufferBytes) await this.#flush();
    }
  }

  /** May be asked by several at once. */
  settle(): Promise<void> {
    this.#settled = this.#settled.then(() => this.#flush()).then(() => this.#writing);
    return this.#settled;
  }

  async #flush(): Promise<void> {
    await this.#writing;
    const full = this.#filling.subarray(0, this.#filled);
    this.#writing = writeAll(this.#file, full, this.#written);
    // Awaited at the next flush; without this a failure in between would end the process.
    this.#writing.catch(() => undefined);
    this.#written += full.length;
    [this.#filling, this.#other] = [this.#other, this.#filling];
    this.#filled = 0;
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
}

async function readAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, position + at);
    if (bytesRead === 0) throw new Error("The spool is shorter than what was put into it.");
    at += bytesRead;
  }
}
