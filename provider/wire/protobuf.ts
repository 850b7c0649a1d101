/**
 * The protocol buffers wire format, as far as property trees need it. The generated classes build one object per
 * value and encode strings a character at a time: 10 s for 100 MB. Here messages are read in place, and written from
 * the back to the front, so that each length is known when it has to be written.
 */

export const wireTypes = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

/** The first byte of a field, for field numbers below 16. */
export function fieldTag(field: number, wireType: number): number {
  return (field << 3) | wireType;
}

export class MessageReader {
  readonly bytes: Buffer;
  position = 0;
  /** For callers that read nested messages: how deep they are. */
  depth = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Up to 2^53; what is longer (negative numbers) only has to be skipped. */
  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  double(): number {
    this.position += 8;
    return this.bytes.readDoubleLE(this.position - 8);
  }

  /** Reads a length and answers where what follows ends. */
  end(): number {
    const length = this.varint();
    const end = this.position + length;
    if (end > this.bytes.length) throw new RangeError(`a field of ${length} bytes does not fit into its message`);
    return end;
  }

  string(): string {
    const end = this.end();
    const start = this.position;
    this.position = end;
    return this.bytes.toString("utf8", start, end);
  }

  skip(wireType: number): void {
    if (wireType === wireTypes.varint) this.varint();
    else if (wireType === wireTypes.fixed64) this.position += 8;
    else if (wireType === wireTypes.lengthDelimited) this.position = this.end();
    else if (wireType === wireTypes.fixed32) this.position += 4;
    else throw new RangeError(`wire type ${wireType} is not one of the protocol's`);
  }

  private byte(): number {
    const byte = this.bytes[this.position];
    if (byte === undefined) throw new RangeError("a message ends in the middle of a number");
    this.position += 1;
    return byte;
  }
}

const firstCapacityBytes = 1024;

export class BackwardWriter {
  private bytes = Buffer.allocUnsafe(firstCapacityBytes);
  private start = firstCapacityBytes;

  /** Bytes written so far; the difference of two is the length of what was written between. */
  get length(): number {
    return this.bytes.length - this.start;
  }

  finish(): Buffer {
    return this.bytes.subarray(this.start);
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.start] = value;
  }

  varint(value: number): void {
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size += 1;
    this.reserve(size);
    let rest = value;
    for (let at = this.start; at < this.start + size; at++) {
      this.bytes[at] = rest >= 0x80 ? (rest % 128) | 0x80 : rest;
      rest = Math.floor(rest / 128);
    }
  }

  double(value: number): void {
    this.reserve(8);
    this.bytes.writeDoubleLE(value, this.start);
  }

  raw(value: Uint8Array): void {
    this.reserve(value.length);
    this.bytes.set(value, this.start);
  }

  /** With its length in front. */
  string(value: string): void {
    const size = Buffer.byteLength(value);
    this.reserve(size);
    this.bytes.write(value, this.start, size, "utf8");
    this.varint(size);
  }

  private reserve(size: number): void {
    if (size > this.start) {
      const used = this.bytes.length - this.start;
      const grown = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, used + size));
      this.bytes.copy(grown, grown.length - used, this.start);
      this.start = grown.length - used;
      this.bytes = grown;
    }
    this.start -= size;
  }
}
