/** What a disk starts from, found in an image where Debian, Ubuntu and Fedora keep it. */
import { Failure } from "../failure.ts";
import { formatPlatform, type Platform } from "../model/platform.ts";
import { compareVersions } from "../model/version-order.ts";
import type { FileBody, FileNode } from "./file-node.ts";
import type { ReadPart } from "./stored-part.ts";
import { lookUp, namesIn } from "./tree-lookup.ts";
import { findUnifiedKernel, type UnifiedKernel } from "./unified-kernel.ts";

interface Loader<Body> {
  readonly loader: Body;
  /** The name that firmware looks for on a disk it knows nothing about: `BOOTX64.EFI`. */
  readonly removableName: string;
}

export interface BootFiles<Body = FileBody> extends Loader<Body> {
  readonly kernelVersion: string;
  readonly kernel: Body;
  readonly initramfs: Body;
}

export interface UnifiedBootFiles<Body = FileBody> extends Loader<Body> {
  readonly kernelVersion: string;
  readonly unified: UnifiedKernel<Body>;
}

export interface BootQuestion {
  readonly platform: Platform;
  readonly read: ReadPart;
  /** The user's own, in place of the image's. */
  readonly loader?: FileBody;
}

/** UEFI's short names of architectures, by OCI's. Source: UEFI specification 2.10, 3.5.1.1. */
const efiNames: Readonly<Record<string, string>> = { amd64: "x64", arm64: "aa64", arm: "arm", riscv64: "riscv64" };

interface Place {
  readonly directory: string;
  /** The whole name of the file, with the version as `{}`. */
  readonly name: string;
}

const bootKernel: Place = { directory: "/boot", name: "vmlinuz-{}" };
const modules = "/usr/lib/modules";
/** For one version; the first that is there counts. */
const kernelPlaces = ["/boot/vmlinuz-{}", `${modules}/{}/vmlinuz`];
const initramfsPlaces = [
  "/boot/initrd.img-{}",
  "/boot/initramfs-{}.img",
  `${modules}/{}/initramfs.img`,
  `${modules}/{}/initrd`,
  "/boot/initrd-{}",
];

/**
 * The newest kernel; of one version, and where a version is not known, a unified kernel image before a kernel with an
 * initramfs beside it, since whoever made one wants it to be started. Throws a Failure that names the place looked at, and
 * the packages that help.
 */
export async function findBoot(root: FileNode, { platform, read, loader }: BootQuestion): Promise<BootFiles | UnifiedBootFiles> {
  const efiName = checkSystem(root, platform);
  const unified = await findUnifiedKernel(root, platform.architecture, read);
  const parts = newestWithInitramfs(root);
  const chosen = unified === undefined || isNewer(parts, unified) ? (parts ?? whyNoKernel(root)) : unifiedStart(unified);
  return { ...chosen, ...findLoader(root, efiName, loader) };
}

function checkSystem(root: FileNode, platform: Platform): string {
  const efiName = efiNames[platform.architecture];
  if (platform.os !== "linux" || efiName === undefined) throw foreignPlatform(platform);
  if (lookUp(root, "/usr/lib/systemd/systemd") === undefined) throw missing.systemd();
  return efiName;
}

type KernelParts = Omit<BootFiles, keyof Loader<FileBody>>;

function newestWithInitramfs(root: FileNode): KernelParts | undefined {
  for (const kernelVersion of kernelVersions(root)) {
    const kernel = firstFile(root, kernelPlaces, kernelVersion);
    const initramfs = firstFile(root, initramfsPlaces, kernelVersion);
    if (kernel !== undefined && initramfs !== undefined) return { kernelVersion, kernel, initramfs };
  }
  return undefined;
}

function whyNoKernel(root: FileNode): never {
  const [newest] = kernelVersions(root);
  throw newest === undefined ? missing.kernel() : missing.initramfs(newest);
}

function isNewer(parts: KernelParts | undefined, { kernelVersion }: UnifiedKernel): boolean {
  return parts !== undefined && kernelVersion !== undefined && compareVersions(parts.kernelVersion, kernelVersion) > 0;
}

function unifiedStart(unified: UnifiedKernel): Omit<UnifiedBootFiles, keyof Loader<FileBody>> {
  return { unified, kernelVersion: unified.kernelVersion ?? unified.name.replace(/\.efi$/, "") };
}

function findLoader(root: FileNode, efiName: string, own?: FileBody): Loader<FileBody> {
  const path = `/usr/lib/systemd/boot/efi/systemd-boot${efiName}.efi`;
  const loader = own ?? fileAt(root, path);
  if (loader === undefined) throw missing.loader(path);
  return { loader, removableName: `BOOT${efiName.toUpperCase()}.EFI` };
}

/** All versions that have a kernel, the newest first, but for Fedora's rescue kernels, which are copies under another name. */
function kernelVersions(root: FileNode): string[] {
  const prefix = bootKernel.name.replace("{}", "");
  const inBoot = namesIn(root, bootKernel.directory)
    .filter((name) => name.startsWith(prefix) && !name.startsWith(`${prefix}0-rescue-`))
    .map((name) => name.slice(prefix.length));
  const candidates = new Set([...inBoot, ...namesIn(root, modules)]);
  // A version is written into the boot entry, which has a line for each setting.
  const writable = [...candidates].filter((version) => /^[\x21-\x7e]+$/.test(version));
  return writable.filter((version) => firstFile(root, kernelPlaces, version) !== undefined).sort((a, b) => compareVersions(b, a));
}

function firstFile(root: FileNode, places: readonly string[], version: string): FileBody | undefined {
  for (const place of places) {
    const found = fileAt(
      root,
      place.replace("{}", () => version),
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

function fileAt(root: FileNode, path: string): FileBody | undefined {
  const body = lookUp(root, path)?.body;
  return body === undefined || body.sizeBytes === 0 ? undefined : body;
}

function cannotBoot(code: string, what: string, fix: string): Failure {
  return new Failure({ kind: "input", code, message: `The image cannot be booted from a disk: ${what}. Nothing was written.`, fix });
}

const missing = {
  systemd: () =>
    cannotBoot(
      "no-systemd",
      "it has no systemd (no file /usr/lib/systemd/systemd)",
      "install systemd-sysv (Debian, Ubuntu) or systemd (Fedora) in the Containerfile.",
    ),
  kernel: () =>
    cannotBoot(
      "no-kernel",
      "it has no kernel (no file /boot/vmlinuz-<version> or /usr/lib/modules/<version>/vmlinuz)",
      "install linux-image-cloud-amd64 or linux-image-arm64 (Debian), linux-image-virtual (Ubuntu) or kernel-core (Fedora) in the Containerfile.",
    ),
  initramfs: (version: string) =>
    cannotBoot(
      "no-initramfs",
      `its kernel ${version} has no initramfs (no file /boot/initrd.img-${version}, /boot/initramfs-${version}.img or /usr/lib/modules/${version}/initramfs.img)`,
      "install initramfs-tools (Debian, Ubuntu) or dracut (Fedora) in the Containerfile, before the kernel.",
    ),
  loader: (path: string) =>
    cannotBoot(
      "no-boot-loader",
      `it has no systemd-boot (no file ${path})`,
      "install systemd-boot-efi (Debian, Ubuntu) or systemd-boot-unsigned (Fedora) in the Containerfile, or name a file in disk.bootLoader.",
    ),
};

function foreignPlatform(platform: Platform): Failure {
  const accepted = Object.keys(efiNames).map((architecture) => `linux/${architecture}`);
  return new Failure({
    kind: "input",
    code: "foreign-platform",
    message: `Platform ${formatPlatform(platform)} is not one that the direct engine can make disks for; use ${accepted.slice(0, -1).join(", ")} or ${accepted.at(-1)}. Nothing was written.`,
    fix: "set disk.platform to one of them.",
  });
}
