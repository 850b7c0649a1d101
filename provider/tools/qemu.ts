/** QEMU: argument lists for machines and disk images, and the runs that use them. */
import { Failure } from "../failure.ts";
import type { DetachedRun, RunProgram, StartDetached } from "../model/program.ts";
import type { Firmware, ImageFile, VirtualMachine } from "../model/virtual-machine.ts";

const systems: Readonly<Record<string, { readonly program: string; readonly board: string }>> = {
  // Devices that no guest needs here cost firmware and kernel seconds under emulation.
  amd64: { program: "qemu-system-x86_64", board: "q35,smm=off,vmport=off,sata=off,smbus=off,i8042=off,hpet=off,usb=off" },
  arm64: { program: "qemu-system-aarch64", board: "virt" },
};

function systemOf(architecture: string): { readonly program: string; readonly board: string } {
  const system = systems[architecture];
  if (system !== undefined) return system;
  const message = `platform linux/${architecture} is not one that QEMU machines can be made for; use linux/amd64 or linux/arm64`;
  throw new Failure({ kind: "input", message });
}

/** A comma in a value of QEMU's option lists is written twice. */
function value(text: string): string {
  return text.replaceAll(",", ",,");
}

function platformArgs(architecture: string, accelerator: "kvm" | "tcg"): string[] {
  const { board } = systemOf(architecture);
  // `max` and not a small model: distributions are built for x86-64-v2 and v3 by now.
  const processor = accelerator === "kvm" ? ["-accel", "kvm", "-cpu", "host"] : ["-accel", "tcg,thread=multi", "-cpu", "max"];
  const patience = accelerator === "tcg" && architecture === "amd64" ? patientKernel : [];
  return ["-nodefaults", "-no-user-config", "-display", "none", "-machine", board, ...processor, ...patience];
}

/**
 * A PC's kernel gives its timer some ticks of time to work and else panics ("IO-APIC + timer doesn't work!"), which an
 * emulated one on a busy computer may not make [ran]. systemd-boot adds this to the command line, from version 254 on.
 */
const patientKernel = ["-smbios", "type=11,value=io.systemd.boot.kernel-cmdline-extra=no_timer_check"];

function firmwareArgs(code: string, variables: string, more = ""): string[] {
  const drive = (file: string, options: string): string[] => ["-drive", `if=pflash,format=raw,${options}file=${value(file)}`];
  return [...drive(code, "readonly=on,"), ...drive(variables, more)];
}

function diskArgs(node: string, file: string, device: string): string[] {
  return [
    ["-blockdev", `driver=qcow2,node-name=${node},discard=unmap,file.driver=file,file.filename=${value(file)}`],
    ["-device", `virtio-blk-pci,drive=${node},${device}`],
  ].flat();
}

/** Nothing secret is among the arguments: files and keys travel in the credentials file. */
export function machineArgs(machine: VirtualMachine): string[] {
  const forwards = machine.forwards.map(({ guestPort, hostPort }) => `,hostfwd=tcp:127.0.0.1:${hostPort}-:${guestPort}`);
  return [
    ["-name", value(machine.name), "-uuid", machine.uuid, "-pidfile", machine.processIdFile],
    platformArgs(machine.architecture, machine.accelerator),
    ["-smp", String(machine.cpus), "-m", `${Math.ceil(machine.memoryBytes / 1024 ** 2)}M`],
    firmwareArgs(machine.firmwareCode, machine.firmwareVariables),
    diskArgs("system", machine.systemDisk, "bootindex=1"),
    machine.dataDisks.flatMap(({ name, file }, index) => diskArgs(`data${index}`, file, `serial=${value(name)}`)),
    // No option ROM: the firmware would try to boot from the network.
    ["-netdev", `user,id=network${forwards.join("")}`, "-device", "virtio-net-pci,netdev=network,romfile="],
    ["-device", "virtio-rng-pci"],
    machine.credentials === undefined
      ? []
      : ["-fw_cfg", `name=opt/io.systemd.credentials/tmpfiles.extra,file=${value(machine.credentials)}`],
    // Waits for the recorder, so that no line of the console is lost.
    ["-chardev", `socket,id=console,path=${value(machine.consoleSocket)},server=on,wait=on`, "-serial", "chardev:console"],
    ["-qmp", `unix:${value(machine.monitorSocket)},server=on,wait=off`],
  ].flat();
}

/** Firmware that writes to the console proves that the processor runs; a KVM device that can be opened proves nothing. */
export function kvmTrialArgs(architecture: string, firmware: Firmware): string[] {
  return [
    platformArgs(architecture, "kvm"),
    ["-m", "128M", "-no-reboot", "-serial", "stdio"],
    firmwareArgs(firmware.code, firmware.variables, "snapshot=on,"),
  ].flat();
}

export function overlayArgs(file: string, base: string): string[] {
  return ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, file];
}

const trialSeconds = 20;

/** Runs the trial until the first line on the console, a complaint about KVM, its end, or the end of patience. */
async function tryKvm(
  run: RunProgram,
  trial: { program: string; args: readonly string[]; signal: AbortSignal },
): Promise<string | undefined> {
  const decided = new AbortController();
  let works = false;
  let complaint: string | undefined;
  const onLine = (line: string, stream: "stdout" | "stderr"): void => {
    if (stream === "stdout") works = true;
    // The wording only saves waiting: without it the trial ends by its timeout.
    else if (/kvm/i.test(line)) complaint ??= line.trim();
    if (works || complaint !== undefined) decided.abort();
  };
  try {
    const signal = AbortSignal.any([trial.signal, decided.signal]);
    await run({ ...trial, purpose: "to try KVM", signal, timeoutSeconds: trialSeconds, onLine });
  } catch (thrown) {
    if (trial.signal.aborted || (thrown instanceof Failure && thrown.code === "not-found")) throw thrown;
    if (complaint === undefined && thrown instanceof Failure) complaint = thrown.message;
  }
  return works ? undefined : (complaint ?? "the firmware wrote nothing");
}

/** The programs, in the shape that the QEMU host asks for. */
export function qemu(run: RunProgram, start: StartDetached) {
  const image = (args: readonly string[], purpose: string, { directory, signal }: ImageFile) =>
    run({ program: "qemu-img", args, purpose, workingDirectory: directory, signal });
  return {
    start: (machine: VirtualMachine, directory: string, outputFile: string): Promise<number> => {
      const { program } = systemOf(machine.architecture);
      const detached: DetachedRun = {
        program,
        args: machineArgs(machine),
        purpose: `to run machine "${machine.name}"`,
        workingDirectory: directory,
        outputFile,
      };
      return start(detached);
    },
    requirePrograms: async (architecture: string, signal: AbortSignal): Promise<void> => {
      const { program } = systemOf(architecture);
      await run({ program, args: ["--version"], purpose: "to run machines", signal });
      await run({ program: "qemu-img", args: ["--version"], purpose: "to make the disks of machines", signal });
    },
    tryKvm: (architecture: string, firmware: Firmware, signal: AbortSignal): Promise<string | undefined> =>
      tryKvm(run, { program: systemOf(architecture).program, args: kvmTrialArgs(architecture, firmware), signal }),
    createOverlay: async (overlay: ImageFile & { readonly base: string }): Promise<void> => {
      await image(overlayArgs(overlay.file, overlay.base), "to make a machine's system disk", overlay);
    },
    createDisk: async (disk: ImageFile & { readonly sizeBytes: number }): Promise<void> => {
      await image(["create", "-q", "-f", "qcow2", disk.file, String(disk.sizeBytes)], "to make a data disk", disk);
    },
    growDisk: async (disk: ImageFile & { readonly sizeBytes: number }): Promise<void> => {
      await image(["resize", "-q", "-f", "qcow2", disk.file, String(disk.sizeBytes)], "to grow a data disk", disk);
    },
    diskSize: async (disk: ImageFile): Promise<number> => {
      const { stdout } = await image(["info", "-U", "-f", "qcow2", "--output=json", disk.file], "to look at a data disk", disk);
      return (JSON.parse(stdout) as { "virtual-size": number })["virtual-size"];
    },
    copySparse: async (from: string, to: string, signal: AbortSignal): Promise<void> => {
      await run({ program: "cp", args: ["--sparse=always", "--reflink=auto", "--", from, to], purpose: "to copy a disk", signal });
    },
  };
}
