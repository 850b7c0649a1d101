/** Which disks machines can start from: those of a processor that QEMU has a machine for. */
import { machinePlatforms } from "../model/machine.ts";
import { formatPlatform, parsePlatform } from "../model/platform.ts";
import type { Checked } from "../spec/handlers.ts";
import type { CheckFailure } from "../spec/served.ts";
import { Unknown } from "../spec/value.ts";
import type { DiskOptionsArgs } from "./disk-options.ts";

/** Said in preview; a Disk of the same platform can be made. */
export function checkMachinePlatform(disk: Checked<DiskOptionsArgs>): readonly CheckFailure[] {
  if (disk instanceof Unknown || disk.platform instanceof Unknown) return [];
  const platform = parsePlatform(disk.platform);
  if (platform === undefined || machinePlatforms.includes(formatPlatform({ os: platform.os, architecture: platform.architecture })))
    return [];
  const reason = `"${disk.platform}" is not one that machines can be started for here; use ${machinePlatforms.join(" or ")}`;
  return [{ path: ["disk", "platform"], reason }];
}
