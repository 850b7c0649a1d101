/** A thread that assembles a disk window by window: reads the spool, writes what is not zero, and passes all of it on to be hashed. */
import { readSync, writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { RingEnd, windowBytes, windowStates, type HashRing } from "./hash-ring.ts";

export interface DiskThreadInput {
  /** File descriptors; both belong to whoever started the thread. */
  readonly disk: number;
  readonly spool: number;
  readonly sizeBytes: number;
  /** Three numbers for each extent, in order of place: at, length, and where in the spool. */
  readonly extents: Float64Array;
  readonly ring: HashRing;
}

export interface DiskThreadMessage {
  readonly doneBytes?: number;
  readonly digest?: string;
}

const input = workerData as DiskThreadInput;
const ring = new RingEnd(input.ring);
/** What is tested for zero and written together. */
const pieceBytes = 64 * 1024;
const zeros = Buffer.alloc(pieceBytes);
let extent = 0;

for (let start = 0; start < input.sizeBytes; start += windowBytes) {
  const length = Math.min(windowBytes, input.sizeBytes - start);
  const window = ring.toFill().subarray(0, length);
  const isZero = !fill(window, start);
  if (!isZero) writeWindow(window, start);
  ring.filled(isZero ? windowStates.zeros : windowStates.bytes, length);
  parentPort?.postMessage({ doneBytes: start + length } satisfies DiskThreadMessage);
}
ring.toFill();
ring.filled(windowStates.end, 0);

/** Whether anything lies in the window. */
function fill(window: Buffer, start: number): boolean {
  const end = start + window.length;
  let filled = start;
  for (; extent < input.extents.length; extent += 3) {
    const [at = 0, length = 0, from = 0] = input.extents.subarray(extent, extent + 3);
    if (at >= end) break;
    const first = Math.max(at, start);
    const last = Math.min(at + length, end);
    window.fill(0, filled - start, first - start);
    readExactly(window.subarray(first - start, last - start), from + first - at);
    filled = last;
    if (at + length > end) break;
  }
  if (filled === start) return false;
  window.fill(0, filled - start);
  return true;
}

function readExactly(bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length;) {
    const count = readSync(input.spool, bytes, at, bytes.length - at, position + at);
    if (count === 0) throw new Error("The spool is shorter than what was put into it.");
    at += count;
  }
}

/** Pieces that are zero stay holes. */
function writeWindow(window: Buffer, start: number): void {
  let from = 0;
  for (let at = 0; at <= window.length; at += pieceBytes) {
    const piece = window.subarray(at, at + pieceBytes);
    if (piece.length > 0 && !piece.equals(zeros.subarray(0, piece.length))) continue;
    writeExactly(window.subarray(from, at), start + from);
    from = at + piece.length;
  }
  writeExactly(window.subarray(from), start + from);
}

function writeExactly(bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length;) at += writeSync(input.disk, bytes, at, bytes.length - at, position + at);
}
