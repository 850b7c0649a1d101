/** The hash of what a machine is started with: it differs exactly when a restart is needed. */
import { createHash } from "node:crypto";
import type { MachineSettings } from "../model/machine.ts";
import { formatPlatform } from "../model/platform.ts";

/** Neither the order of keys counts nor the order of data disks, only what they are. */
export function hashSettings(settings: MachineSettings): string {
  const disks = settings.dataDisks.map(({ name, sizeBytes }) => [name, sizeBytes] as const);
  const facts = [
    "machine-settings-1",
    settings.memoryBytes,
    settings.cpus,
    sorted(Object.entries(settings.ports).map(([guest, port]) => [guest, port ?? 0] as const)),
    sorted(disks),
    settings.sshAuthorizedKeys,
    sorted(Object.entries(settings.files)),
    settings.accelerator,
    formatPlatform(settings.platform),
  ];
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}

function sorted<T>(entries: readonly (readonly [string, T])[]): readonly (readonly [string, T])[] {
  return entries.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)));
}
