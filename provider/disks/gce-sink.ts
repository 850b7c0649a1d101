/**
 * Writes `disk.raw` in a gzipped tar archive of the old GNU kind, as Google Compute Engine imports it. The disk in it is a
 * whole number of GiB, so the partition table's copy at the end moves.
 */
import { createHash } from "node:crypto";
import { constants, crc32, deflateRawSync } from "node:zlib";
import { backupSectors, firstUsableSector, growGpt, sectorBytes } from "../model/gpt.ts";
import { oldGnuHeader } from "../model/tar-archive.ts";
import { epochSeconds } from "./disk-times.ts";
import { writeExactly, type FormatSink } from "./format-sink.ts";

const gibibyte = 1024 ** 3;
const pieceBytes = 1024 ** 2;
const backupBytes = backupSectors * sectorBytes;
const primaryBytes = firstUsableSector * sectorBytes;
const tarBlockBytes = 512;

export function gceSink(descriptor: number, sizeBytes: number): FormatSink {
  const grownBytes = Math.ceil(sizeBytes / gibibyte) * gibibyte;
  const grows = grownBytes > sizeBytes;
  const gzip = new GzipWriter(descriptor);
  let backup: Uint8Array = new Uint8Array();
  gzip.add(oldGnuHeader({ name: "disk.raw", sizeBytes: grownBytes, epochSeconds }));
  return {
    window: (bytes, start) => {
      if (!grows) return gzip.add(bytes);
      const window = Buffer.from(bytes);
      if (start === 0) {
        const grown = growGpt(window.subarray(0, primaryBytes), grownBytes / sectorBytes);
        grown.primary.copy(window);
        backup = grown.backup;
      }
      window.fill(0, Math.min(window.length, Math.max(0, sizeBytes - backupBytes - start)));
      gzip.add(window);
    },
    zeros: (_start, length) => gzip.addZeros(length),
    finish: () => {
      gzip.addZeros(grownBytes - sizeBytes - backup.length);
      gzip.add(backup);
      gzip.addZeros(2 * tarBlockBytes);
      return gzip.finish();
    },
  };
}

/** Gzip's fixed fields: no name, no time, an unknown system. Source: RFC 1952. */
const header = Buffer.from("1f8b08000000000000ff", "hex");
/** Level 1: what the higher ones save in bytes they cost many times over in minutes. */
const piecesOf = { level: 1, finishFlush: constants.Z_SYNC_FLUSH };

/** One gzip member of pieces that are compressed on their own and end on whole bytes, so that zeros are compressed once. */
class GzipWriter {
  readonly #descriptor: number;
  readonly #hash = createHash("sha256");
  readonly #zeros = Buffer.alloc(pieceBytes);
  readonly #zeroPiece = deflateRawSync(this.#zeros, piecesOf);
  #position = 0;
  #checksum = 0;
  #length = 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.#write(header);
  }

  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += pieceBytes) this.#addPiece(bytes.subarray(at, at + pieceBytes));
  }

  addZeros(length: number): void {
    for (let left = length; left > 0; left -= pieceBytes) this.#addPiece(this.#zeros.subarray(0, Math.min(left, pieceBytes)));
  }

  finish(): string {
    this.#write(deflateRawSync(Buffer.alloc(0)));
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#checksum, 0);
    trailer.writeUInt32LE(this.#length % 2 ** 32, 4);
    this.#write(trailer);
    return `sha256:${this.#hash.digest("hex")}`;
  }

  #addPiece(piece: Uint8Array): void {
    this.#checksum = crc32(piece, this.#checksum);
    this.#length += piece.length;
    const isZeroPiece = piece.length === pieceBytes && this.#zeros.equals(piece);
    this.#write(isZeroPiece ? this.#zeroPiece : deflateRawSync(piece, piecesOf));
  }

  #write(bytes: Uint8Array): void {
    writeExactly(this.#descriptor, bytes, this.#position);
    this.#hash.update(bytes);
    this.#position += bytes.length;
  }
}
