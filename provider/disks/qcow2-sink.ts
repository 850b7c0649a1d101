/** Writes a disk as qcow2: clusters that are not zero one after the other, then the tables before them. */
import { ftruncateSync } from "node:fs";
import { clusterBytes, formatQcow2, planQcow2 } from "../model/qcow2.ts";
import { digestOf, eachUsedRun, writeExactly, type FormatSink } from "./format-sink.ts";

export function qcow2Sink(descriptor: number, sizeBytes: number): FormatSink {
  const layout = planQcow2(sizeBytes);
  const places = new Uint32Array(Math.ceil(sizeBytes / clusterBytes));
  let next = layout.dataStart;
  return {
    window: (bytes, start) =>
      eachUsedRun(bytes, (run, offset) => {
        const clusters = Math.ceil(run.length / clusterBytes);
        const first = (start + offset) / clusterBytes;
        for (let index = 0; index < clusters; index++) places[first + index] = next + index;
        writeExactly(descriptor, run, next * clusterBytes);
        next += clusters;
      }),
    zeros: () => undefined,
    finish: () => {
      const length = next * clusterBytes;
      ftruncateSync(descriptor, length);
      eachUsedRun(formatQcow2(layout, places, next), (run, offset) => writeExactly(descriptor, run, offset));
      return digestOf(descriptor, length);
    },
  };
}
