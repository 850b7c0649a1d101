/**
 * A thread that goes over a disk window by window: takes the bytes from the spool or from a raw disk, hands them to
 * whatever writes them down, and passes them on to be hashed.
 */
import { readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { isZero, type FormatSink } from "./format-sink.ts";
import { gceSink } from "./gce-sink.ts";
import { RingEnd, windowBytes, windowStates, type HashRing } from "./hash-ring.ts";
import { qcow2Sink } from "./qcow2-sink.ts";
import { rawSink } from "./raw-sink.ts";

export interface PassTarget {
  /** A fixed VHD is `raw` with a tail. */
  readonly format: "raw" | "qcow2" | "gce";
  /** Of an empty file. */
  readonly descriptor: number;
  readonly tail?: Uint8Array;
}

/** File descriptors belong to whoever starts the thread. */
export interface PassThreadInput {
  readonly source: { readonly spool: number; readonly extents: Float64Array } | { readonly disk: number };
  readonly sizeBytes: number;
  readonly targets: readonly PassTarget[];
  readonly ring: HashRing;
}

export interface PassThreadMessage {
  readonly doneBytes: number;
  /** At the end: one for each target that has a digest of its own. */
  readonly digests?: readonly (string | undefined)[];
}

const input = workerData as PassThreadInput;
const { source, sizeBytes } = input;
const ring = new RingEnd(input.ring);
const sinks = input.targets.map(sinkOf);
/** Of three numbers for each extent, in order of place: at, length, and where in the spool. */
let next = 0;

for (let start = 0; start < sizeBytes; start += windowBytes) {
  const length = Math.min(windowBytes, sizeBytes - start);
  const window = ring.toFill().subarray(0, length);
  const isEmpty = "disk" in source ? !copy(source.disk, window, start) : !assemble(source, window, start);
  for (const sink of sinks) {
    if (isEmpty) sink.zeros(start, length);
    else sink.window(window, start);
  }
  ring.filled(isEmpty ? windowStates.zeros : windowStates.bytes, length);
  parentPort?.postMessage({ doneBytes: start + length } satisfies PassThreadMessage);
}
ring.toFill();
ring.filled(windowStates.end, 0);
parentPort?.postMessage({ doneBytes: sizeBytes, digests: sinks.map((sink) => sink.finish()) } satisfies PassThreadMessage);

function sinkOf({ format, descriptor, tail }: PassTarget): FormatSink {
  if (format === "raw") return rawSink(descriptor, sizeBytes, tail);
  return format === "qcow2" ? qcow2Sink(descriptor, sizeBytes) : gceSink(descriptor, sizeBytes);
}

/** Whether anything but zeros is there. */
function copy(disk: number, window: Buffer, start: number): boolean {
  readExactly(disk, window, start);
  return !isZero(window);
}

/** Whether anything lies in the window. */
function assemble(from: { readonly spool: number; readonly extents: Float64Array }, window: Buffer, start: number): boolean {
  const end = start + window.length;
  let filled = start;
  for (; next < from.extents.length; next += 3) {
    const [at = 0, length = 0, position = 0] = from.extents.subarray(next, next + 3);
    if (at >= end) break;
    const first = Math.max(at, start);
    const last = Math.min(at + length, end);
    window.fill(0, filled - start, first - start);
    readExactly(from.spool, window.subarray(first - start, last - start), position + first - at);
    filled = last;
    if (at + length > end) break;
  }
  if (filled === start) return false;
  window.fill(0, filled - start);
  return true;
}

function readExactly(descriptor: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length;) {
    const count = readSync(descriptor, bytes, at, bytes.length - at, position + at);
    if (count === 0) throw new Error("A file that a disk is made from is shorter than it should be.");
    at += count;
  }
}
