/** The real programs that make disks, joined as main.ts joins them. */
import type { DiskPrograms } from "../../provider/disks/programs.ts";
import { btrfsProgs } from "../../provider/tools/btrfs-progs.ts";
import { cp } from "../../provider/tools/cp.ts";
import { diskContainers } from "../../provider/tools/disk-containers.ts";
import { diskListing } from "../../provider/tools/disk-listing.ts";
import { privateMount } from "../../provider/tools/private-mount.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { qemuImg } from "../../provider/tools/qemu-img.ts";
import { xfsprogs } from "../../provider/tools/xfsprogs.ts";

export const programs: DiskPrograms = {
  converter: qemuImg(runProgram),
  copier: cp(runProgram),
  containers: diskContainers(runProgram),
  listing: diskListing(runProgram),
  formatters: { xfs: xfsprogs(runProgram), btrfs: btrfsProgs(runProgram) },
  filler: privateMount(runProgram, () => ({})),
};
