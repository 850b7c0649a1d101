/** Disks: the formats that can be written and the options that, with the image, identify a disk. */
import type { Digest } from "./digest.ts";
import type { Platform } from "./platform.ts";

export const diskFormats = ["raw", "qcow2", "vhd", "vmdk", "gce", "iso"] as const;
export type DiskFormat = (typeof diskFormats)[number];

/** A boot loader that the user names. */
export interface BootLoaderFile {
  /** On this computer; other computers may have it elsewhere. */
  readonly path: string;
  readonly digest: Digest;
}

/** The `disk` property, checked and with sizes in bytes. */
export interface DiskOptions {
  /** Left out: content plus slack; with engine `bootc`, 10 GiB or twice the image. */
  readonly sizeBytes?: number;
  readonly filesystem: "ext4" | "xfs" | "btrfs";
  readonly kernelArguments: readonly string[];
  readonly engine: "auto" | "direct" | "bootc" | "image-builder" | "linuxkit";
  readonly platform: Platform;
  readonly rootSshAuthorizedKeys: readonly string[];
  /** What later updates of a machine follow, where the engine writes that down. */
  readonly targetImage?: string;
  /** bootc-image-builder, as repository@digest. */
  readonly builderImage?: string;
  /** Left out: the image's own. */
  readonly bootLoader?: BootLoaderFile;
}
