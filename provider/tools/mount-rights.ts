/** What this process may do about mounting disks; looks only. */
import { access, readFile } from "node:fs/promises";
import type { MountRights } from "../model/mounted-root.ts";

export async function mountRights(): Promise<MountRights> {
  const map = await readFile("/proc/self/uid_map", "utf8").catch(() => "");
  const isWhole = /^\s*0\s+0\s+4294967295\s*$/.test(map);
  const loopDevices = await access("/dev/loop-control").then(
    () => true,
    () => false,
  );
  return { userId: process.geteuid?.() ?? -1, userNamespace: map !== "" && !isWhole, loopDevices };
}
