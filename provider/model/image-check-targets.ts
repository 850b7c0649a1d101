/** Where disks are to run, and what a kernel must have to run there. */
import type { DiskFormat } from "./disk.ts";
import type { Agent, Driver } from "./image-check-facts.ts";

export const imageTargets = ["qemu", "aws", "azure", "gcp", "hyper-v"] as const;
export type ImageTarget = (typeof imageTargets)[number];

export interface TargetNeeds {
  /** In the words of a message. */
  readonly name: string;
  /** For the root disk. */
  readonly disk: readonly Driver[];
  readonly network: readonly Driver[];
  /** For the disc that the first boot reads its settings from. */
  readonly provisioning: readonly Driver[];
  /** For machine types that not every machine of the target is of. */
  readonly newer: readonly Driver[];
  /** What turns the settings of a new machine into keys, users and a host name; none where there is nothing to turn. */
  readonly agents: readonly Agent[];
  /** Disks there are larger than the file, and nobody can watch a screen. */
  readonly cloud: boolean;
}

const hyperV = { disk: ["hv_vmbus", "hv_storvsc", "sd_mod"], network: ["hv_netvsc"], cloud: false } as const;

/**
 * Sources: the guest requirements that Amazon (Nitro), Microsoft (Azure, generation 2) and Google publish for imported
 * images. Google's older machine types have SCSI disks and virtio networks, the newer ones NVMe and gVNIC; Azure's newer
 * ones NVMe and MANA.
 */
export const targetNeeds: Readonly<Record<ImageTarget, TargetNeeds>> = {
  qemu: {
    name: "QEMU",
    disk: ["virtio_pci", "virtio_blk"],
    network: ["virtio_net"],
    provisioning: [],
    newer: [],
    agents: [],
    cloud: false,
  },
  aws: {
    name: "AWS",
    disk: ["nvme"],
    network: ["ena"],
    provisioning: [],
    newer: [],
    agents: ["cloud-init", "ignition", "afterburn"],
    cloud: true,
  },
  azure: {
    ...hyperV,
    name: "Azure",
    provisioning: ["udf"],
    newer: ["nvme", "mana"],
    agents: ["cloud-init", "waagent", "azure-init", "afterburn"],
    cloud: true,
  },
  gcp: {
    name: "Google Cloud",
    disk: ["virtio_pci", "virtio_scsi", "sd_mod"],
    network: ["virtio_net"],
    provisioning: [],
    newer: ["nvme", "gve"],
    agents: ["cloud-init", "google-guest-agent", "ignition", "afterburn"],
    cloud: true,
  },
  "hyper-v": { ...hyperV, name: "Hyper-V", provisioning: [], newer: [], agents: [] },
};

/** Two formats are one cloud's own; what the others are for is not known, and QEMU asks for least. */
export function targetsOf(formats: readonly DiskFormat[]): readonly ImageTarget[] {
  const targets = formats.map((format): ImageTarget => (format === "vhd" ? "azure" : format === "gce" ? "gcp" : "qemu"));
  return targets.length === 0 ? ["qemu"] : [...new Set(targets)];
}
