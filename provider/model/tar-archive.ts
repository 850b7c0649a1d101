/** Headers of tar archives of the old GNU kind. Source: GNU tar manual, "Basic Tar Format". */

const blockBytes = 512;
const largestOctal = 8 * 1024 ** 3;

/** A regular file of root's, mode 0644. */
export function oldGnuHeader(file: { readonly name: string; readonly sizeBytes: number; readonly epochSeconds: number }): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, length: number): void =>
    void block.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
  block.write(file.name, 0, "latin1");
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  writeSize(block, file.sizeBytes);
  octal(file.epochSeconds, 136, 12);
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
  if (sizeBytes < largestOctal) {
    block.write(sizeBytes.toString(8).padStart(11, "0"), 124, "latin1");
    return;
  }
  block[124] = 0x80;
  block.writeBigUInt64BE(BigInt(sizeBytes), 128);
}
