/**
 * Reads the names in an initramfs: cpio archives one after another, each plain or compressed, as distributions join an
 * early one with microcode and a main one.
 */
import { createInflateRaw, createZstdDecompress } from "node:zlib";
import { byteSource } from "./byte-source.ts";
import { isCpio, readCpio } from "./cpio.ts";

export interface InitramfsReading {
  readonly signal: AbortSignal;
  readonly onName: (name: string) => void;
  readonly limits?: InitramfsLimits;
}

/** A small file can become a large one. */
export interface InitramfsLimits {
  readonly unpackedBytes: number;
  readonly names: number;
}

const defaultLimits: InitramfsLimits = { unpackedBytes: 2 * 1024 ** 3, names: 500_000 };

/** Compressions that the kernel knows, by their first bytes. Source: Linux, lib/decompress.c. */
const unread: Readonly<Record<string, string>> = {
  fd377a585a00: "xz",
  "5d0000": "lzma",
  "425a68": "bzip2",
  "894c5a4f": "lzop",
  "02214c18": "lz4",
  "04224d18": "lz4",
};

/**
 * Answers why a part could not be read, as words after "the initramfs"; undefined when all were. Memory: one chunk of
 * 256 KiB beside the compressed bytes.
 */
export async function readInitramfs(bytes: Buffer, reading: InitramfsReading): Promise<string | undefined> {
  const budget = budgetOf(reading);
  try {
    for (let at = afterZeros(bytes, 0); at < bytes.length; at = afterZeros(bytes, at)) {
      const part = await readPart(bytes, at, budget);
      if (typeof part === "string") return part;
      at = part;
    }
    return budget.exceeded();
  } catch (error) {
    if (reading.signal.aborted) throw error;
    return budget.exceeded() ?? "is damaged";
  }
}

interface Budget {
  readonly onName: (name: string) => void;
  /** Throws beyond the limit of bytes, and when the run is stopped. */
  readonly spend: (bytes: number) => void;
  readonly exceeded: () => string | undefined;
}

function budgetOf({ signal, onName, limits = defaultLimits }: InitramfsReading): Budget {
  let bytes = 0;
  let names = 0;
  const exceeded = (): string | undefined =>
    bytes > limits.unpackedBytes || names > limits.names ? "is too large to be looked into" : undefined;
  return {
    exceeded,
    onName: (name) => {
      names++;
      if (names <= limits.names) onName(name);
    },
    spend: (count) => {
      signal.throwIfAborted();
      bytes += count;
      if (exceeded() !== undefined) throw new Error("The initramfs is too large.");
    },
  };
}

/** Answers where the next part may begin, or why this one cannot be read. */
async function readPart(bytes: Buffer, at: number, budget: Budget): Promise<number | string> {
  const start = bytes.subarray(at, at + 6);
  if (isCpio(start)) {
    const end = await readCpio(byteSource(chunksOf(bytes.subarray(at), budget)), budget.onName);
    return end.kind === "cut" || end.atBytes === 0 ? "is damaged" : at + end.atBytes;
  }
  const magic = start.toString("hex");
  if (magic.startsWith("1f8b08")) return readGzip(bytes, at, budget);
  if (magic.startsWith("28b52ffd")) return readCompressed(createZstdDecompress({ chunkSize }), bytes.subarray(at), { at, budget });
  const name = Object.entries(unread).find(([first]) => magic.startsWith(first))?.[1];
  return name === undefined ? "is no cpio archive" : `is compressed with ${name}`;
}

const chunkSize = 256 * 1024;

async function* chunksOf(bytes: Buffer, budget: Budget): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkSize) {
    const chunk = bytes.subarray(at, at + chunkSize);
    budget.spend(0);
    yield chunk;
  }
}

/** The header is read here, since only the raw decompressor says where the stream ended when something else follows. */
async function readGzip(bytes: Buffer, at: number, budget: Budget): Promise<number | string> {
  const begin = gzipBody(bytes, at);
  const checksumBytes = 8;
  const end = await readCompressed(createInflateRaw({ chunkSize }), bytes.subarray(begin), { at: begin, budget });
  return typeof end === "string" ? end : end + checksumBytes;
}

/** Where the compressed bytes begin. Source: RFC 1952, 2.3. */
function gzipBody(bytes: Buffer, at: number): number {
  const flags = bytes[at + 3] ?? 0;
  let position = at + 10;
  if ((flags & 4) !== 0) position += 2 + bytes.readUInt16LE(position);
  for (const text of [8, 16]) if ((flags & text) !== 0) position = bytes.indexOf(0, position) + 1;
  return (flags & 2) === 0 ? position : position + 2;
}

interface Place {
  readonly at: number;
  readonly budget: Budget;
}

/** The kernel takes one stream for one part; where it ends, the decompressor has taken no more bytes. */
async function readCompressed(
  decompress: ReturnType<typeof createInflateRaw> | ReturnType<typeof createZstdDecompress>,
  compressed: Buffer,
  { at, budget }: Place,
): Promise<number | string> {
  const chunks = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of decompress as AsyncIterable<Buffer>) {
      budget.spend(chunk.length);
      yield chunk;
    }
  };
  decompress.end(compressed);
  try {
    const source = byteSource(chunks());
    const { kind } = await readCpio(source, budget.onName);
    if (kind !== "end") return kind === "cut" ? "is damaged" : "is no cpio archive";
    return at + decompress.bytesWritten;
  } finally {
    decompress.destroy();
  }
}

function afterZeros(bytes: Buffer, at: number): number {
  let position = at;
  while (bytes[position] === 0) position++;
  return position;
}
