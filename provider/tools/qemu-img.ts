/** qemu-img: conversions of disks. */
import type { RunProgram } from "../model/program.ts";

/** Reads in parallel and writes in order: with `-W` the place of a cluster would depend on chance. */
export function vmdkArgs(from: string, to: string): string[] {
  return ["convert", "-m", "16", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", from, to];
}

export function qemuImg(run: RunProgram): {
  toVmdk(files: { readonly from: string; readonly to: string }, signal: AbortSignal): Promise<void>;
} {
  return {
    toVmdk: async ({ from, to }, signal) => {
      await run({ program: "qemu-img", args: vmdkArgs(from, to), purpose: "to write vmdk", signal });
    },
  };
}
