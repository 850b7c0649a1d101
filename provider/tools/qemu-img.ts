/** qemu-img: conversions of disks. */
import type { RunProgram } from "../model/program.ts";

export type ConvertedFormat = "qcow2" | "vmdk";

const formatOptions: Readonly<Record<ConvertedFormat, string>> = {
  qcow2: "compat=1.1,cluster_size=65536",
  vmdk: "subformat=streamOptimized",
};

/** Reads in parallel and writes in order: with `-W` the place of a cluster would depend on chance. */
export function convertArgs(format: ConvertedFormat, from: string, to: string): string[] {
  return ["convert", "-m", "16", "-f", "raw", "-O", format, "-o", formatOptions[format], from, to];
}

export function qemuImg(run: RunProgram): {
  convert(format: ConvertedFormat, files: { readonly from: string; readonly to: string }, signal: AbortSignal): Promise<void>;
} {
  return {
    convert: async (format, { from, to }, signal) => {
      await run({ program: "qemu-img", args: convertArgs(format, from, to), purpose: `to write ${format}`, signal });
    },
  };
}
