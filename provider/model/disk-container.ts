/** Containers that make disks, as data: what they are run with, and what a computer must allow for it. */
import type { MountRights } from "./mounted-root.ts";
import type { Digest } from "./digest.ts";
import type { Failure } from "../failure.ts";

/** Where podman keeps images, and what it says of itself. */
export interface PodmanFacts {
  readonly rootless: boolean;
  readonly remote: boolean;
  readonly graphRoot: string;
  /** As OCI names it. */
  readonly architecture: string;
}

export interface ContainerRights extends MountRights {
  /** A Failure when podman is missing or does not answer. */
  readonly podman: PodmanFacts | Failure;
}

/** An OCI layout `<directory>/<name>`, to be copied into podman's storage under `localhost/<name>`. */
export interface ImageLoad {
  readonly directory: string;
  readonly name: string;
  /** Another name that it gets there. */
  readonly alias?: string;
  readonly signal: AbortSignal;
}

export interface LoadedImage {
  readonly digest: Digest;
  /** Of all layers, unpacked. */
  readonly sizeBytes: number;
}

export interface BootcInstall {
  /** Of the container and of the image in podman's storage. */
  readonly name: string;
  /** Folder of the disk, and of the keys; has the same path inside. */
  readonly directory: string;
  /** The raw disk, of its final size, in that folder. */
  readonly file: string;
  readonly filesystem: string;
  readonly targetImage: string;
  readonly kernelArguments: readonly string[];
  /** File in that folder; left out: no keys. */
  readonly keysFile?: string;
  readonly graphRoot: string;
}

export interface InstallerBuild {
  /** Of the container and of the builder's image in podman's storage. */
  readonly name: string;
  /** Receives `bootiso/install.iso`; holds the configuration. */
  readonly directory: string;
  readonly configFile: string;
  readonly filesystem: string;
  /** The image to install, as podman's storage knows it; the machine follows it later. */
  readonly image: string;
  readonly graphRoot: string;
}

/** What is not to stay behind. */
export interface Leftovers {
  readonly containers: readonly string[];
  /** Names in podman's storage. */
  readonly images: readonly string[];
  /** Of a file on loop devices. */
  readonly fileName: string;
}

/** The name that an image of `ImageLoad` has in podman's storage. */
export function loadedName(name: string): string {
  return `localhost/${name}:latest`;
}

/** Where bootc-image-builder writes the installer, beneath its output folder. */
export const installerPath = "bootiso/install.iso";
