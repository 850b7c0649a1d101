/** What the QEMU host needs of other people's programs. `tools/qemu.ts` and `tools/ssh.ts` fit these shapes; main.ts joins them. */

export interface PortForward {
  readonly guestPort: number;
  readonly hostPort: number;
}

export interface Firmware {
  /** Read-only code, shared by all machines. */
  readonly code: string;
  /** Template of the variables, copied for each machine. */
  readonly variables: string;
}

/** One machine as QEMU is told about it. File names are relative to the machine's folder, which QEMU works in. */
export interface VirtualMachine {
  readonly name: string;
  /** Also tells this process from every other. */
  readonly uuid: string;
  /** As OCI names it: amd64, arm64. */
  readonly architecture: string;
  readonly accelerator: "kvm" | "tcg";
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly firmwareCode: string;
  readonly firmwareVariables: string;
  readonly systemDisk: string;
  readonly dataDisks: readonly { readonly name: string; readonly file: string }[];
  readonly forwards: readonly PortForward[];
  /** File with the content of the credential `tmpfiles.extra`. */
  readonly credentials?: string;
  readonly consoleSocket: string;
  readonly monitorSocket: string;
  readonly processIdFile: string;
}

export interface ImageFile {
  readonly directory: string;
  readonly file: string;
  readonly signal: AbortSignal;
}

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

export interface SshCommand {
  readonly port: number;
  readonly command: readonly string[];
  /** Folder with the key and the known hosts. */
  readonly directory: string;
  readonly keyFile: string;
  readonly knownHostsFile: string;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
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
