/** What a MachineGroup is, in the words of the spec. */
import type { Clock } from "../rollout/clock.ts";
import { boolean, list, map, object, oneOf, string, type ArgsOf, type GivenOf, type Rule, type StateOf } from "../spec/property.ts";
import { byteSize, hostName, integerFrom, pinnedImage, port, sshPublicKey } from "../spec/rules.ts";
import { resourceSpec, type HandlersOf } from "../spec/resource.ts";
import { diskOptions, healthCheck, rollout } from "../spec/shapes.ts";
import { imageChecks } from "./disk-checks.ts";
import type { Disks, Images, Machines } from "./ports.ts";

const guestPort: Rule<string> = (text) =>
  /^[1-9][0-9]{0,4}$/.test(text) && Number(text) <= 65_535 ? undefined : "is no port; write 1 to 65535";

const guestPath: Rule<string> = (text) =>
  /^(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/.test(text) ? undefined : "is no absolute path of a file in the guest, such as /etc/motd";

/** The guest finds the disk under this name, and the serial number of a virtio disk has room for 20 bytes. */
const dataDiskName: Rule<string> = (text) =>
  /^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?$/.test(text)
    ? undefined
    : "is no name for a data disk; use 1 to 20 lower-case letters, digits and inner dashes, such as data";

const dataDisk = object("DataDisk", "An empty disk that outlives every swap of the machine's image.", {
  size: { type: byteSize, description: "Size of the disk, such as `1GiB`." },
});

const rejection = object("Rejection", "An image that was taken back, since a machine was not healthy on it.", {
  digest: { type: string(), description: "Digest of the image." },
  at: { type: string(), description: "When, in UTC." },
  reason: { type: string(), description: "What the machine did." },
});

const inputs = {
  image: { type: pinnedImage, description: "The image that all machines run, as repository@sha256:digest." },
  machines: {
    type: list(hostName),
    description:
      "Names of the machines, in the order in which they are swapped. Each is its machine's host name. A name that is taken out stops its machine.",
  },
  memory: { type: byteSize, description: "Memory of each machine.", default: "1GiB" },
  cpus: { type: integerFrom(1), description: "Processors of each machine.", default: 1 },
  disk: { type: diskOptions, description: "How the image becomes the machines' disk.", default: {} },
  ports: {
    type: map(map(port), guestPort),
    description:
      "Forwarded ports: for each port in the guest, the port on 127.0.0.1 by machine. Where a machine has none, the kernel chooses one, which the machine keeps: `{80: {}}`.",
    default: {},
  },
  dataDisks: {
    type: map(dataDisk, dataDiskName),
    description: "Disks beside the system disk, by name: `/dev/disk/by-id/virtio-<name>` in each machine. They outlive every swap.",
    default: {},
  },
  sshAuthorizedKeys: { type: list(sshPublicKey), description: "Public keys that may log in as root over SSH.", default: [] },
  files: {
    type: map(string(), guestPath),
    description: "Files by their path in the guest, handed over when a machine starts, and never part of the image.",
    default: {},
  },
  healthCheck: {
    type: healthCheck,
    description: "How a machine is asked whether it does its work. Left out: it is healthy as long as it runs.",
    optional: true,
  },
  rollout: { type: rollout, description: "How a new image, or new settings, move through the machines.", default: {} },
  accelerator: {
    type: oneOf(["auto", "kvm", "tcg"]),
    description:
      "What the machines run with: `kvm`, or emulation (`tcg`), which runs everywhere and is slow. `auto`: kvm where it works when it is tried.",
    default: "auto",
  },
  retryRejected: { type: boolean(), description: "Roll out an image again that was taken back before.", default: false },
  checks: {
    type: imageChecks,
    description: "What of the image is not judged before the machines' disk is made. It changes no disk, and restarts no machine.",
    default: {},
    onChange: "ignore",
  },
  onDelete: {
    type: oneOf(["keep", "delete"]),
    description: "Whether data disks go with their machines.",
    default: "delete",
    onChange: "ignore",
  },
  booted: { type: map(string()), description: "Digest that each machine is to run. Computed from `image` and `machines`.", derived: true },
} as const;

const outputs = {
  booted: { type: map(string()), description: "Digest of the image that each machine runs; machines that do not run are missing." },
  image: { type: string(), description: "The image, where all machines run the same one.", optional: true },
  endpoints: {
    type: map(map(string())),
    description: "Where each machine's ports are reached: machine, then port in the guest, to `127.0.0.1:port`.",
  },
  consoles: { type: map(string()), description: "Path of each machine's console log on this computer." },
  accelerator: { type: oneOf(["kvm", "tcg"]), description: "What the machines run with." },
  key: {
    type: string(),
    description:
      "What the machines are found by on this computer: the first URN of the resource, whatever it is renamed to, after the organization where there are several.",
  },
  diskIdentity: { type: string(), description: "What identifies the disk that the machines start from.", optional: true },
  unsettled: {
    type: list(string()),
    description: "Machines that a rollout started and, being stopped on the way, did not confirm; the next run does.",
    optional: true,
  },
  rejected: { type: rejection, description: "The image that was taken back last; it is refused until `image` changes.", optional: true },
} as const;

const description =
  "Virtual machines on this computer, each from the same image, to try it or to run it, with no cloud and no daemon. They need QEMU, and outlive the program that started them. " +
  "A new image, or new settings, swap them in waves by the rules of `rollout`; a machine that is not healthy on the new image is put back. " +
  "Deleting the resource stops all machines and removes their disks; data disks too, unless `onDelete` says otherwise.";

export const machineGroupSpec = resourceSpec({
  token: "bootable:qemu:MachineGroup",
  description,
  inputs,
  outputs,
  refreshBeforeUpdate: true,
});

export type MachineGroupArgs = ArgsOf<typeof inputs>;
export type GivenMachineGroupArgs = GivenOf<typeof inputs>;
export type MachineGroupState = StateOf<typeof outputs>;
export type MachineGroupHandlers = HandlersOf<typeof inputs, typeof outputs>;

/** What the handlers of a MachineGroup need from the outside. */
export interface MachineGroupPorts {
  readonly images: Images;
  readonly disks: Disks;
  readonly machines: Machines;
  readonly clock: Clock;
  /** BOOTABLE_OFFLINE: reads and previews believe the state and ask no machine. */
  readonly offline: () => boolean;
}
