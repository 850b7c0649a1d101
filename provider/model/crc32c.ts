/** CRC-32C (Castagnoli), as ext4 uses it: no inversion at either end, the caller gives the state to start from. */

const polynomial = 0x82f63b78;
const slices = 8;

/** `tables[k][byte]`: what a byte does to the state when k more bytes follow it. */
const tables = makeTables();

function makeTables(): readonly Uint32Array[] {
  const made = Array.from({ length: slices }, () => new Uint32Array(256));
  const [first = new Uint32Array(256)] = made;
  for (let byte = 0; byte < 256; byte++) {
    let state = byte;
    for (let bit = 0; bit < 8; bit++) state = (state & 1) === 1 ? (state >>> 1) ^ polynomial : state >>> 1;
    first[byte] = state;
  }
  for (let slice = 1; slice < slices; slice++) {
    for (let byte = 0; byte < 256; byte++) {
      const below = made[slice - 1]?.[byte] ?? 0;
      const table = made[slice] ?? first;
      table[byte] = (below >>> 8) ^ (first[below & 255] ?? 0);
    }
  }
  return made;
}

const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

/** The state after `bytes`; eight bytes a step, as the checksums of a large file system take time. */
export function crc32c(state: number, bytes: Uint8Array, start = 0): number {
  let crc = state;
  let at = start;
  const whole = bytes.length - 7;
  while (at < whole) {
    const b0 = (crc ^ (bytes[at] as number)) & 255;
    const b1 = ((crc >>> 8) ^ (bytes[at + 1] as number)) & 255;
    const b2 = ((crc >>> 16) ^ (bytes[at + 2] as number)) & 255;
    const b3 = ((crc >>> 24) ^ (bytes[at + 3] as number)) & 255;
    crc =
      (t7[b0] as number) ^
      (t6[b1] as number) ^
      (t5[b2] as number) ^
      (t4[b3] as number) ^
      (t3[bytes[at + 4] as number] as number) ^
      (t2[bytes[at + 5] as number] as number) ^
      (t1[bytes[at + 6] as number] as number) ^
      (t0[bytes[at + 7] as number] as number);
    at += 8;
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] as number)) & 255] as number);
  return crc >>> 0;
}

/** Of a number as four bytes, the lowest first. */
export function crc32cOfNumber(state: number, value: number): number {
  return crc32c(state, Uint8Array.of(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255));
}
