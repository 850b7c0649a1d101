/** Reads parts of files that wait in the spool. */
import { read } from "node:fs";
import { promisify } from "node:util";
import type { StoredBytes } from "../model/disk-extent.ts";

/** So many bytes from an offset on; fewer where the file ends. */
export type ReadPart = (body: StoredBytes, offset: number, length: number) => Promise<Buffer>;

const readAt = promisify(read);

/** All bytes must have been written to the spool already. */
export function partReader(descriptor: number): ReadPart {
  return async (body, offset, length) => {
    const end = Math.min(offset + length, body.sizeBytes);
    const part = Buffer.alloc(Math.max(0, end - offset));
    for (const piece of body.pieces) {
      const from = Math.max(offset, piece.offset);
      const to = Math.min(end, piece.offset + piece.length);
      for (let at = from; at < to;) {
        const { bytesRead } = await readAt(descriptor, part, at - offset, to - at, piece.from + at - piece.offset);
        if (bytesRead === 0) throw new Error("The spool is shorter than what was put into it.");
        at += bytesRead;
      }
    }
    return part;
  };
}
