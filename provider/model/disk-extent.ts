/** What lies where on a disk, as data: bytes in memory, and bytes that wait in the spool. Everything else is zero. */

/** A run of a file's bytes; all offsets are in bytes. */
export interface StoredPiece {
  /** In the file. */
  readonly offset: number;
  readonly length: number;
  /** In the spool. */
  readonly from: number;
}

/** A file's bytes. Pieces are in order and do not overlap; what none covers is a hole. */
export interface StoredBytes {
  readonly sizeBytes: number;
  readonly pieces: readonly StoredPiece[];
}

export interface MemoryExtent {
  /** On the disk, or in the partition, as whoever takes it says. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

export interface SpooledExtent {
  readonly at: number;
  readonly length: number;
  /** In the spool. */
  readonly from: number;
}

export type DiskExtent = MemoryExtent | SpooledExtent;
