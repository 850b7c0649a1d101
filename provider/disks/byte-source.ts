/** Reads exact numbers of bytes from a stream of chunks. */

export interface ByteSource {
  /** So many bytes, or fewer at the end of the stream. */
  take(length: number): Promise<Buffer>;
  /** The next bytes as they come, at most so many; empty at the end of the stream. */
  some(length: number): Promise<Buffer>;
  /** Reads to the end, so that whoever verifies the stream sees all of it. */
  drain(): Promise<void>;
}

export function byteSource(chunks: AsyncIterator<Uint8Array>): ByteSource {
  let rest: Buffer = Buffer.alloc(0);
  const some = async (length: number): Promise<Buffer> => {
    while (rest.length === 0) {
      const next = await chunks.next();
      if (next.done === true) return rest;
      rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    const part = rest.subarray(0, length);
    rest = rest.subarray(part.length);
    return part;
  };
  const take = async (length: number): Promise<Buffer> => {
    const first = await some(length);
    if (first.length === length || first.length === 0) return first;
    const parts = [first];
    for (let missing = length - first.length; missing > 0;) {
      const part = await some(missing);
      if (part.length === 0) break;
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  };
  const drain = async (): Promise<void> => {
    rest = rest.subarray(rest.length);
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next());
  };
  return { take, some, drain };
}
