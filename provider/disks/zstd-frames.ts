/**
 * Cuts a zstd stream at the edges of its frames. Node's decompressor takes what follows a frame in the same chunk for
 * garbage and drops it without a word, but goes on with the next frame when that comes in a chunk of its own; layers that
 * can be fetched in parts (zstd:chunked) have a frame for each file. Source: RFC 8878.
 */
import type { ByteSource } from "./byte-source.ts";
import { malformed } from "./tar-header.ts";

const magic = 0xfd2fb528;
const chunkBytes = 1024 ** 2;

/** The same bytes less the frames that carry no data; no chunk holds parts of two frames. */
export async function* zstdFrames(source: ByteSource): AsyncGenerator<Buffer> {
  for (;;) {
    const start = await source.take(4);
    if (start.length === 0) return;
    if (isSkippable(start)) {
      const length = (await exactly(source, 4)).readUInt32LE(0);
      for await (const _ of body(source, length));
      continue;
    }
    if (start.length < 4 || start.readUInt32LE(0) !== magic) throw malformed("has something that is no zstd frame in it");
    yield* frame(source, start);
  }
}

export function isSkippable(start: Buffer): boolean {
  return start.length === 4 && (start.readUInt32LE(0) & 0xfffffff0) >>> 0 === 0x184d2a50;
}

async function* frame(source: ByteSource, start: Buffer): AsyncGenerator<Buffer> {
  const descriptor = await exactly(source, 1);
  const flags = descriptor.readUInt8(0);
  const singleSegment = (flags & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][flags & 3] ?? 0;
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;
  const fields = await exactly(source, (singleSegment ? 0 : 1) + dictionaryBytes + sizeBytes);
  yield Buffer.concat([start, descriptor, fields]);
  for (let last = false; !last;) {
    const header = await exactly(source, 3);
    const bits = header.readUIntLE(0, 3);
    last = (bits & 1) === 1;
    yield header;
    // A block of type 1 is one byte that is to be repeated.
    yield* body(source, ((bits >> 1) & 3) === 1 ? 1 : bits >> 3);
  }
  if ((flags & 4) !== 0) yield exactly(source, 4);
}

async function* body(source: ByteSource, length: number): AsyncGenerator<Buffer> {
  for (let left = length; left > 0;) {
    const part = await source.some(Math.min(left, chunkBytes));
    if (part.length === 0) throw malformed("ends in the middle of a zstd frame");
    left -= part.length;
    yield part;
  }
}

async function exactly(source: ByteSource, length: number): Promise<Buffer> {
  const bytes = await source.take(length);
  if (bytes.length < length) throw malformed("ends in the middle of a zstd frame");
  return bytes;
}
