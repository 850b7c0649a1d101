/** mknod: device nodes and fifos, which Node cannot make. */
import type { SpecialFile } from "../model/mounted-root.ts";
import type { RunProgram } from "../model/program.ts";

export function mknodArgs({ path, kind, device: { major, minor } }: SpecialFile): string[] {
  return kind === "fifo" ? ["--", path, "p"] : ["--", path, kind === "block" ? "b" : "c", String(major), String(minor)];
}

export function mknod(run: RunProgram): { makeSpecial(file: SpecialFile, signal: AbortSignal): Promise<void> } {
  return {
    makeSpecial: async (file, signal) =>
      void (await run({ program: "mknod", args: mknodArgs(file), purpose: "to make a device node", signal })),
  };
}
