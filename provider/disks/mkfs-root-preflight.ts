/** What this computer must have and allow for an XFS or btrfs root; said before anything is written. */
import { describeFailure, Failure } from "../failure.ts";
import { filesystemNames, type MountedFilesystem, type MountRights } from "../model/mounted-root.ts";
import type { MountedRootPrograms } from "./programs.ts";

/** Starts programs that look and leave nothing. */
export async function checkMounting(filesystem: MountedFilesystem, programs: MountedRootPrograms, signal: AbortSignal): Promise<void> {
  const lines = missingRights(await programs.filler.rights());
  const found = await absent(programs.formatters[filesystem].check(signal));
  // The filler's programs are tried with rights that must be there.
  const others = lines.length > 0 ? undefined : await absent(programs.filler.check(signal));
  for (const failure of [found, others]) if (failure !== undefined) lines.push(describeFailure(failure).replaceAll("\n", "\n  "));
  if (lines.length === 0) return;
  const name = filesystemNames[filesystem];
  throw new Failure({
    kind: "environment",
    code: "rights",
    message: `disk.filesystem "${filesystem}" is written by mkfs.${filesystem} and this computer's kernel, and ${name} cannot be written here. Nothing was written.`,
    detail: lines.map((line) => `- ${line}`).join("\n"),
    fix: "see to what is named above, or set disk.filesystem to ext4, which needs neither rights nor programs.",
  });
}

function missingRights({ userId, userNamespace, loopDevices }: MountRights): string[] {
  const lines: string[] = [];
  if (userNamespace) lines.push("It runs in a user namespace, where root may not mount disks: run it outside of rootless containers.");
  if (userId !== 0) lines.push(`It runs as user ${userId}, and only root may mount disks: run pulumi with "sudo -E".`);
  if (!loopDevices) {
    lines.push('There are no loop devices (no file /dev/loop-control): run "modprobe loop", or give the container that this is /dev.');
  }
  return lines;
}

async function absent(check: Promise<void>): Promise<Failure | undefined> {
  try {
    await check;
    return undefined;
  } catch (error) {
    if (error instanceof Failure && error.code !== "cancelled") return error;
    throw error;
  }
}
