/** All external programs as the rooms take them, each at the path that the configuration gives it at the time. */
import type { RunProgram, StartDetached } from "../model/program.ts";
import { btrfsProgs } from "./btrfs-progs.ts";
import { builders } from "./builders.ts";
import { cp } from "./cp.ts";
import { diskContainers } from "./disk-containers.ts";
import { diskListing } from "./disk-listing.ts";
import { privateMount } from "./private-mount.ts";
import { runProgram, startDetached, toolPath } from "./process.ts";
import { qemuImg } from "./qemu-img.ts";
import { qemu } from "./qemu.ts";
import { ssh } from "./ssh.ts";
import { xfsprogs } from "./xfsprogs.ts";

export interface Toolbox {
  readonly runProgram: RunProgram;
  readonly builders: ReturnType<typeof builders>;
  readonly forDisks: {
    readonly converter: ReturnType<typeof qemuImg>;
    readonly copier: ReturnType<typeof cp>;
    readonly containers: ReturnType<typeof diskContainers>;
    readonly listing: ReturnType<typeof diskListing>;
    readonly formatters: { readonly xfs: ReturnType<typeof xfsprogs>; readonly btrfs: ReturnType<typeof btrfsProgs> };
    readonly filler: ReturnType<typeof privateMount>;
  };
  readonly forMachines: {
    readonly qemu: ReturnType<typeof qemu>;
    readonly ssh: ReturnType<typeof ssh>;
    readonly start: StartDetached;
  };
}

export function toolbox(paths: () => Readonly<Record<string, string>>): Toolbox {
  const run: RunProgram = (request) => runProgram({ ...request, program: toolPath(request.program, paths()) });
  const start: StartDetached = (request) => startDetached({ ...request, program: toolPath(request.program, paths()) });
  return {
    runProgram: run,
    builders: builders(run),
    forDisks: {
      converter: qemuImg(run),
      copier: cp(run),
      containers: diskContainers(run),
      listing: diskListing(run),
      formatters: { xfs: xfsprogs(run), btrfs: btrfsProgs(run) },
      filler: privateMount(run, paths),
    },
    forMachines: { qemu: qemu(run, start), ssh: ssh(run), start },
  };
}
