/** What this room needs of other people's programs. The files of `tools/` fit these shapes; main.ts joins the two. */
import type { BootcInstall, ContainerRights, ImageLoad, InstallerBuild, Leftovers, LoadedImage } from "../model/disk-container.ts";
import type { ImagePart } from "../model/image-part.ts";
import type {
  FileAttributes,
  LoopMount,
  MountedFilesystem,
  MountRights,
  RootFilling,
  RootFormat,
  SpecialFile,
} from "../model/mounted-root.ts";

export interface DiskConverter {
  /** streamOptimized. */
  toVmdk(files: { readonly from: string; readonly to: string }, signal: AbortSignal): Promise<void>;
}

export interface FileCopier {
  /** Keeps holes, and shares blocks where it can. Into a file that is there already, so that its mode stays. */
  sparseCopy(from: string, to: string, signal: AbortSignal): Promise<void>;
}

/** Containers with rights, run by podman. */
export interface DiskContainers {
  /** Looks only; nothing is started that stays. */
  rights(signal: AbortSignal): Promise<ContainerRights>;
  load(load: ImageLoad): Promise<LoadedImage>;
  install(install: BootcInstall, watching: ContainerWatching): Promise<void>;
  buildInstaller(build: InstallerBuild, watching: ContainerWatching): Promise<void>;
  /** Whether it is there or not; answers what could not be removed. */
  tidy(leftovers: Leftovers): Promise<readonly string[]>;
}

export interface ContainerWatching {
  readonly signal: AbortSignal;
  /** Each line of output, as it comes. */
  readonly onLine: (line: string) => void;
}

/** Names in a folder of a file system inside a disk; none where there is no such folder. */
export interface DiskListing {
  fat(part: ImagePart, path: string): Promise<readonly string[]>;
  ext4(part: ImagePart, path: string): Promise<readonly string[]>;
}

/** Formats a file system in a file. */
export interface RootFormatter {
  /** Whether the program is there. */
  check(signal: AbortSignal): Promise<void>;
  format(format: RootFormat): Promise<void>;
}

/** Mounts and fills a file system in a process of its own, which leaves nothing mounted, however it ends. */
export interface RootFiller {
  rights(): Promise<MountRights>;
  /** Whether its programs are there and may do what they must. */
  check(signal: AbortSignal): Promise<void>;
  fillTree(filling: RootFilling): Promise<void>;
}

export interface MountedRootPrograms {
  readonly formatters: Readonly<Record<MountedFilesystem, RootFormatter>>;
  readonly filler: RootFiller;
}

/** What that process runs. */
export interface FillerPrograms {
  mount(mount: LoopMount, signal: AbortSignal): Promise<void>;
  /** Once everything has been written. */
  unmount(directory: string, signal: AbortSignal): Promise<void>;
  makeSpecial(file: SpecialFile, signal: AbortSignal): Promise<void>;
  /** Of files with plain names in a folder. */
  setAttributes(directory: string, files: readonly FileAttributes[], signal: AbortSignal): Promise<void>;
}

export interface DiskPrograms extends MountedRootPrograms {
  readonly converter: DiskConverter;
  readonly copier: FileCopier;
  readonly containers: DiskContainers;
  readonly listing: DiskListing;
}
