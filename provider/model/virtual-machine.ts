/** A virtual machine as its emulator is told about it, and the files around it. */

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
