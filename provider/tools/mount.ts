/** mount and umount, in a process that has a mount namespace of its own. */
import type { LoopMount } from "../model/mounted-root.ts";
import type { RunProgram } from "../model/program.ts";

const purpose = "to fill a root file system";

/**
 * The loop device is mount's own, which the kernel takes back with the mount. `nouuid`: this computer may itself have been
 * started from such a disk.
 */
export function mountArgs({ filesystem, file, directory }: LoopMount): string[] {
  const options = ["loop", "noatime", "nodev", "nosuid", "noexec", ...(filesystem === "xfs" ? ["nouuid"] : [])];
  return ["-t", filesystem, "-o", options.join(","), file, directory];
}

export function mounting(run: RunProgram): {
  mount(mount: LoopMount, signal: AbortSignal): Promise<void>;
  unmount(directory: string, signal: AbortSignal): Promise<void>;
} {
  return {
    mount: async (mount, signal) => void (await run({ program: "mount", args: mountArgs(mount), purpose, signal })),
    unmount: async (directory, signal) => {
      // It says what could not be written; umount keeps that to itself.
      await run({ program: "sync", args: ["--file-system", directory], purpose, signal });
      await run({ program: "umount", args: [directory], purpose, signal });
    },
  };
}
