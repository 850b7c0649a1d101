/** Virtual machines on this computer: what one is started with. */
import type { Platform } from "./platform.ts";

/** What machines can be, emulated where the computer is something else. */
export const machinePlatforms: readonly string[] = ["linux/amd64", "linux/arm64"];

export interface DataDisk {
  readonly name: string;
  readonly sizeBytes: number;
}

/** What one machine is started with, beside its disk. */
export interface MachineSettings {
  readonly memoryBytes: number;
  readonly cpus: number;
  /** Guest port to forwarded port on 127.0.0.1; undefined: the kernel chooses, and the choice is kept over swaps. */
  readonly ports: Readonly<Record<string, number | undefined>>;
  readonly dataDisks: readonly DataDisk[];
  readonly sshAuthorizedKeys: readonly string[];
  /** Path in the guest to content, handed over as systemd credentials. */
  readonly files: Readonly<Record<string, string>>;
  readonly accelerator: "auto" | "kvm" | "tcg";
  readonly platform: Platform;
}
