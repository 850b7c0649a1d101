/** Argument lists of QEMU and ssh as tables, and the trial of KVM on recorded outputs. */
import { expect, test } from "vitest";
import { cancelled, describeFailure, Failure } from "../../provider/failure.ts";
import type { VirtualMachine } from "../../provider/model/virtual-machine.ts";
import type { RunProgram } from "../../provider/model/program.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { kvmTrialArgs, machineArgs, overlayArgs, qemu } from "../../provider/tools/qemu.ts";
import { remoteWord, sshArgs, sshKeygenArgs } from "../../provider/tools/ssh.ts";

const machine: VirtualMachine = {
  name: "kiosk-1",
  uuid: "11111111-2222-8333-8444-555555555555",
  architecture: "amd64",
  accelerator: "tcg",
  memoryBytes: 512 * 1024 ** 2,
  cpus: 2,
  firmwareCode: "/usr/share/OVMF/OVMF_CODE_4M.fd",
  firmwareVariables: "firmware-variables.fd",
  systemDisk: "system-1.qcow2",
  dataDisks: [{ name: "records", file: "../../data/kiosk-1/records.qcow2" }],
  forwards: [{ guestPort: 80, hostPort: 40080 }],
  credentials: "credentials-1",
  consoleSocket: "console.sock",
  monitorSocket: "qmp.sock",
  processIdFile: "qemu.pid",
};
const firmware = { code: "/fw/code.fd", variables: "/fw/vars.fd" };
const signal = new AbortController().signal;

/** One option and its value a line. */
function lines(args: readonly string[]): string {
  return args.join(" ").replaceAll(/ (-[a-z])/g, "\n$1");
}

test("a machine under emulation", () => {
  expect(lines(machineArgs(machine))).toMatchInlineSnapshot(`
    "-name kiosk-1
    -uuid 11111111-2222-8333-8444-555555555555
    -pidfile qemu.pid
    -nodefaults
    -no-user-config
    -display none
    -machine q35,smm=off,vmport=off,sata=off,smbus=off,i8042=off,hpet=off,usb=off
    -accel tcg,thread=multi
    -cpu max
    -smbios type=11,value=io.systemd.boot.kernel-cmdline-extra=no_timer_check
    -smp 2
    -m 512M
    -drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd
    -drive if=pflash,format=raw,file=firmware-variables.fd
    -blockdev driver=qcow2,node-name=system,discard=unmap,file.driver=file,file.filename=system-1.qcow2
    -device virtio-blk-pci,drive=system,bootindex=1
    -blockdev driver=qcow2,node-name=data0,discard=unmap,file.driver=file,file.filename=../../data/kiosk-1/records.qcow2
    -device virtio-blk-pci,drive=data0,serial=records
    -netdev user,id=network,hostfwd=tcp:127.0.0.1:40080-:80
    -device virtio-net-pci,netdev=network,romfile=
    -device virtio-rng-pci
    -fw_cfg name=opt/io.systemd.credentials/tmpfiles.extra,file=credentials-1
    -chardev socket,id=console,path=console.sock,server=on,wait=on
    -serial chardev:console
    -qmp unix:qmp.sock,server=on,wait=off"
  `);
});

test("KVM and another architecture change accelerator, processor and board, and need no patience of an emulated PC's kernel", () => {
  const args = machineArgs({ ...machine, accelerator: "kvm", architecture: "arm64", dataDisks: [], forwards: [] });
  expect(args.filter((_, index) => ["-machine", "-accel", "-cpu"].includes(args[index - 1] ?? ""))).toEqual(["virt", "kvm", "host"]);
  expect(args).not.toContain("-smbios");
  expect(args).toHaveLength(machineArgs({ ...machine, dataDisks: [], forwards: [] }).length - 2);
});

test("a comma in a name does not start another option", () => {
  const args = machineArgs({ ...machine, firmwareCode: "/odd,place/code.fd" });
  expect(args).toContain("if=pflash,format=raw,readonly=on,file=/odd,,place/code.fd");
});

test("an architecture without a machine of its own is refused", () => {
  expect(() => machineArgs({ ...machine, architecture: "s390x" })).toThrow(
    /^platform linux\/s390x is not one that QEMU machines can be made for; use linux\/amd64 or linux\/arm64$/,
  );
});

test("disk images and the trial", () => {
  expect(overlayArgs("system-1.qcow2", "../../disks/ab.raw").join(" ")).toBe(
    "create -q -f qcow2 -F raw -b ../../disks/ab.raw system-1.qcow2",
  );
  expect(lines(kvmTrialArgs("amd64", firmware))).toMatchInlineSnapshot(`
    "-nodefaults
    -no-user-config
    -display none
    -machine q35,smm=off,vmport=off,sata=off,smbus=off,i8042=off,hpet=off,usb=off
    -accel kvm
    -cpu host
    -m 128M
    -no-reboot
    -serial stdio
    -drive if=pflash,format=raw,readonly=on,file=/fw/code.fd
    -drive if=pflash,format=raw,snapshot=on,file=/fw/vars.fd"
  `);
});

interface Played {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly ends?: "exit" | "timeout";
}

/** Plays what a trial printed; without an end it runs until it is aborted. */
function play({ stdout, stderr, ends }: Played): RunProgram {
  return async ({ onLine, signal: aborted }) => {
    if (stdout !== undefined) onLine?.(stdout, "stdout");
    if (stderr !== undefined) onLine?.(stderr, "stderr");
    if (ends !== undefined) throw new Failure({ kind: "tool", code: ends, message: `qemu ended by ${ends}.` });
    if (!aborted.aborted) throw new Error("the trial goes on though it is decided");
    throw cancelled("the trial");
  };
}

const detached = (): Promise<number> => Promise.resolve(0);

test.each<[string, Played, string | undefined]>([
  ["firmware that writes", { stdout: "BdsDxe: starting" }, undefined],
  ["a device that opens and then fails", { stderr: "KVM internal error. Suberror: 1" }, "KVM internal error. Suberror: 1"],
  ["no access", { stderr: "failed to initialize kvm: Permission denied", ends: "exit" }, "failed to initialize kvm: Permission denied"],
  ["silence", { ends: "timeout" }, "qemu ended by timeout."],
  ["a warning of no weight", { stderr: "warning: something else", ends: "exit" }, "qemu ended by exit."],
])("the trial of KVM sees %s", async (_, played, expected) => {
  expect(await qemu(play(played), detached).tryKvm("amd64", firmware, signal)).toBe(expected);
});

test("Ctrl-C in the middle of the trial is no answer", async () => {
  const stop = new AbortController();
  const run: RunProgram = async () => {
    stop.abort();
    throw cancelled("the trial");
  };
  await expect(qemu(run, detached).tryKvm("amd64", firmware, stop.signal)).rejects.toMatchObject({ code: "cancelled" });
});

test("ssh asks nobody and believes no host key but the pinned one", () => {
  const args = sshArgs({ port: 40022, command: ["sh", "-c", "exit 0"], keyFile: "key", knownHostsFile: "known", timeoutSeconds: 4.5 });
  expect(lines(args)).toMatchInlineSnapshot(`
    "-F none -T
    -p 40022
    -o BatchMode=yes
    -o ConnectTimeout=5
    -o GlobalKnownHostsFile=/dev/null
    -o HostKeyAlias=machine
    -o IdentitiesOnly=yes
    -o IdentityAgent=none
    -o IdentityFile=key
    -o LogLevel=ERROR
    -o StrictHostKeyChecking=yes
    -o UserKnownHostsFile=known root@127.0.0.1 -- sh
    -c 'exit 0'"
  `);
  expect(sshKeygenArgs("key", "bootable-kiosk-1").join(" ")).toBe("-q -t ed25519 -N  -C bootable-kiosk-1 -f key");
});

test.each([
  ["systemctl", "systemctl"],
  ["--quiet", "--quiet"],
  ["two words", "'two words'"],
  ["it's; rm -rf /", String.raw`'it'\''s; rm -rf /'`],
  ["$HOME", "'$HOME'"],
  ["", "''"],
])("the word %j arrives on the far side as it is", (word, quoted) => {
  expect(remoteWord(word)).toBe(quoted);
});

test("a missing program is named with what installs it", async () => {
  const run: RunProgram = (request) => runProgram({ ...request, environment: { PATH: "/nowhere" } });
  const thrown: unknown = await qemu(run, detached)
    .requirePrograms("amd64", signal)
    .catch((failure: unknown) => failure);
  expect(thrown instanceof Failure ? describeFailure(thrown) : thrown).toMatchInlineSnapshot(`
    "qemu-system-x86_64 is needed to run machines, and none was found on PATH.
    fix: install qemu-system-x86 (Debian) or qemu-system-x86-core (Fedora), or set bootable:tools.qemuSystemX86_64 to its path."
  `);
});
