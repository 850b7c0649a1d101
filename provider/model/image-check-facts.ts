/** What was seen in an image before a disk is made of it, as plain data: kept beside the disk, so that a later check reads nothing again. */

/** Drivers that a check may ask for, by the names of their modules. Whoever adds one raises `imageFactsVersion`. */
export const knownDrivers = [
  "btrfs",
  "ena",
  "ext4",
  "gve",
  "hv_netvsc",
  "hv_storvsc",
  "hv_vmbus",
  "mana",
  "nvme",
  "sd_mod",
  "udf",
  "virtio_blk",
  "virtio_net",
  "virtio_pci",
  "virtio_scsi",
  "xfs",
] as const;
export type Driver = (typeof knownDrivers)[number];

export const agents = ["afterburn", "azure-init", "cloud-init", "google-guest-agent", "ignition", "waagent"] as const;
export type Agent = (typeof agents)[number];

/** Of the known drivers only. */
export interface DriverFacts {
  /** Left out: the image does not say what is built into its kernel. */
  readonly builtIn?: readonly Driver[];
  readonly initramfs: readonly Driver[];
  /** Why not all of the initramfs could be looked into: `is compressed with xz`. */
  readonly unreadInitramfs?: string;
  /** Modules under /usr/lib/modules, which the kernel can load once the root is mounted. */
  readonly installed: readonly Driver[];
}

/** A mount of /etc/fstab that boot waits for. */
export interface RequiredMount {
  readonly mountPoint: string;
  /** As fstab has it: `UUID=...`. */
  readonly device: string;
}

export interface ImageFacts {
  readonly version: typeof imageFactsVersion;
  readonly kernelVersion: string;
  /** What the kernel is started with beside what our own boot entry says. */
  readonly kernelArguments: readonly string[];
  /** What they are built for, by OCI's names; left out where a file does not say it. */
  readonly architectures: { readonly systemd?: string; readonly kernel?: string };
  readonly drivers: DriverFacts;
  /** Paths of files that hold a machine's identity, or a part of it. */
  readonly machineIds: readonly string[];
  readonly sshHostKeys: readonly string[];
  readonly randomSeeds: readonly string[];
  /** Mounts of partitions by UUIDs, which a new disk does not have. */
  readonly uuidMounts: readonly RequiredMount[];
  /** What grows the root partition: `cloud-init`, `systemd-repart`. */
  readonly rootGrowth: readonly string[];
  /** What sets the network up: `systemd-networkd`, `NetworkManager`. */
  readonly network: readonly string[];
  /** The kernel or a login writes to a serial port. */
  readonly serialConsole: boolean;
  readonly agents: readonly Agent[];
  readonly logins: readonly ("authorized-keys" | "password" | "certificate")[];
  /** Whether the files carry a signature for Secure Boot; whose it is cannot be told. */
  readonly signed: { readonly kernel: boolean; readonly loader: boolean };
}

/** Facts of another version are not believed: what they leave out was not looked for. */
export const imageFactsVersion = 1;

/** Undefined for anything that this version did not write. */
export function parseImageFacts(value: unknown): ImageFacts | undefined {
  const facts = value as Partial<ImageFacts> | null | undefined;
  return facts?.version === imageFactsVersion ? (facts as ImageFacts) : undefined;
}
