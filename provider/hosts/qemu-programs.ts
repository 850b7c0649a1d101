/** What the QEMU host needs of other people's programs. `tools/qemu.ts` and `tools/ssh.ts` fit these shapes; main.ts joins them. */
import type { SshCommand } from "../model/ssh-command.ts";
import type { Firmware, ImageFile, VirtualMachine } from "../model/virtual-machine.ts";

export interface QemuPrograms {
  /** Starts QEMU in a session of its own; its own messages go to `outputFile`. */
  start(machine: VirtualMachine, directory: string, outputFile: string): Promise<number>;
  /** Throws the Failure that names what to install. */
  requirePrograms(architecture: string, signal: AbortSignal): Promise<void>;
  /** Lets firmware run on KVM for a moment. Undefined when it does, else what was seen. */
  tryKvm(architecture: string, firmware: Firmware, signal: AbortSignal): Promise<string | undefined>;
  createOverlay(overlay: ImageFile & { readonly base: string }): Promise<void>;
  createDisk(disk: ImageFile & { readonly sizeBytes: number }): Promise<void>;
  growDisk(disk: ImageFile & { readonly sizeBytes: number }): Promise<void>;
  /** The size that the guest sees. */
  diskSize(disk: ImageFile): Promise<number>;
  /** A copy that keeps holes, for where no hard link can be made. */
  copySparse(from: string, to: string, signal: AbortSignal): Promise<void>;
}

export interface SshPrograms {
  /** Writes `file` and `file`.pub. */
  createKey(key: {
    readonly directory: string;
    readonly file: string;
    readonly comment: string;
    readonly signal: AbortSignal;
  }): Promise<void>;
  /** Undefined when the command ended with 0, else what was seen, as the end of a sentence. */
  runCommand(command: SshCommand): Promise<string | undefined>;
}
