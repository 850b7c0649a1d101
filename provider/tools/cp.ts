/** GNU cp: copies that share blocks where the file system can, and keep holes where it cannot. Node can do neither. */
import type { RunProgram } from "../model/program.ts";

/** Into a file that is there already, so that its mode stays. */
export function sparseCopyArgs(from: string, to: string): string[] {
  return ["--reflink=auto", "--sparse=always", "--", from, to];
}

export function cp(run: RunProgram): { sparseCopy(from: string, to: string, signal: AbortSignal): Promise<void> } {
  return {
    sparseCopy: async (from, to, signal) => {
      await run({ program: "cp", args: sparseCopyArgs(from, to), purpose: "to copy a disk", signal });
    },
  };
}
