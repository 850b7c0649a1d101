/** Writes a disk as it is, less what is zero. */
import { ftruncateSync } from "node:fs";
import { eachUsedRun, writeExactly, type FormatSink } from "./format-sink.ts";

/** `tail` follows the disk's last byte: a fixed VHD is a disk and a footer. Whoever hashes the disk hashes that, too. */
export function rawSink(descriptor: number, sizeBytes: number, tail: Uint8Array = new Uint8Array()): FormatSink {
  return {
    window: (bytes, start) => eachUsedRun(bytes, (run, offset) => writeExactly(descriptor, run, start + offset)),
    zeros: () => undefined,
    finish: () => {
      ftruncateSync(descriptor, sizeBytes + tail.length);
      writeExactly(descriptor, tail, sizeBytes);
      return undefined;
    },
  };
}
