/** The EFI system partition: the boot loader where firmware looks for it, and what it starts. */
import { Failure } from "../failure.ts";
import type { DiskExtent, StoredBytes } from "../model/disk-extent.ts";
import { formatFat32, type FatFile } from "../model/fat32.ts";
import type { BootFiles, UnifiedBootFiles } from "./boot-files.ts";
import type { UnifiedKernel } from "./unified-kernel.ts";

export interface BootEntry {
  readonly rootPartition: string;
  /** Digest that a machine can tell what it runs by. */
  readonly image: string;
  readonly architecture: string;
  readonly kernelArguments: readonly string[];
}

const entryName = "bootable.conf";

/** The first serial port, by the name that the architecture's kernel has for it. */
const consoles: Readonly<Record<string, string>> = { arm: "ttyAMA0", arm64: "ttyAMA0" };

/**
 * Grows the root file system to its partition at each boot; nothing to do is nothing done. The partition's own flag says the
 * same, but systemd heeds it only where it found the root by itself [ran, 257].
 */
const growing = "systemd.wants=systemd-growfs-root.service";

/** A last `console=` wins, so a program's own arguments come after ours. */
function kernelCommandLine({ rootPartition, image, architecture, kernelArguments }: BootEntry): string {
  const broken = kernelArguments.find((argument) => /[\x00-\x1f\x7f]/.test(argument));
  if (broken !== undefined) {
    throw new Failure({
      kind: "input",
      message: `disk.kernelArguments has ${JSON.stringify(broken)}, with a control character in it, which no boot entry can hold.`,
      fix: "remove it.",
    });
  }
  const console = consoles[architecture] ?? "ttyS0";
  const ours = [`root=PARTUUID=${rootPartition}`, "rw", `console=${console}`, growing];
  return [...ours, ...kernelArguments, `bootable.image=${image}`].join(" ");
}

/** Source: UAPI group, boot loader specification, type 1. */
function loaderEntry(kernelVersion: string, entry: BootEntry): string {
  const lines = ["title Linux", `version ${kernelVersion}`, "linux /linux", "initrd /initrd", `options ${kernelCommandLine(entry)}`];
  return `${lines.join("\n")}\n`;
}

type Content = StoredBytes | Uint8Array;

export interface Esp {
  readonly sizeBytes: number;
  /** 8 hex digits. */
  readonly serial: string;
  readonly epochSeconds: number;
  readonly files: BootFiles<Content> | UnifiedBootFiles<Content>;
  readonly entry: BootEntry;
}

/** What to write where, `at` relative to the partition; a function of the arguments alone. */
export function espExtents({ sizeBytes, serial, epochSeconds, files, entry }: Esp): DiskExtent[] {
  return formatFat32({ sizeBytes, serial, label: "ESP", epochSeconds, files: espFiles(files, entry) });
}

/** Of the large files; the others are taken care of by what is left free. */
export function espContentBytes(files: Esp["files"]): number {
  return [files.loader, ...startFiles(files).map(({ content }) => content)].reduce((sum, content) => sum + sizeOf(content), 0);
}

function sizeOf(content: Content): number {
  return content instanceof Uint8Array ? content.length : content.sizeBytes;
}

/** What changes most often comes last, since what grows out of its room moves what follows. */
function espFiles(files: Esp["files"], entry: BootEntry): FatFile[] {
  const text = "unified" in files ? unifiedEntry(files.unified, files.kernelVersion, entry) : loaderEntry(files.kernelVersion, entry);
  // An entry of ours is started even where systemd-boot finds the same program by itself.
  const settings = ["timeout 0", "editor no", ...("unified" in files && text !== undefined ? [`default ${entryName}`] : [])];
  return [
    { path: "loader/loader.conf", content: Buffer.from(`${settings.join("\n")}\n`) },
    ...(text === undefined ? [] : [{ path: `loader/entries/${entryName}`, content: Buffer.from(text) }]),
    { path: `EFI/BOOT/${files.removableName}`, content: files.loader },
    ...startFiles(files),
  ];
}

function startFiles(files: Esp["files"]): FatFile[] {
  if (!("unified" in files)) {
    return [
      { path: "linux", content: files.kernel },
      { path: "initrd", content: files.initramfs },
    ];
  }
  const { name, image, companions } = files.unified;
  return [
    ...companions.map((companion) => ({ path: `EFI/Linux/${name}.extra.d/${companion.name}`, content: companion.body })),
    { path: `EFI/Linux/${name}`, content: image },
  ];
}

/**
 * Undefined where systemd-boot finds the program by itself and the command line is inside it. One that is inside is left to
 * itself, since with Secure Boot nothing else is taken, and a disk must not start otherwise without it: if it names no root,
 * systemd in the initramfs finds ours by the type of its partition (systemd-gpt-auto-generator(8)), which is why that type is
 * the discoverable one. A program without one takes ours, under Secure Boot too (systemd-stub(7)).
 */
function unifiedEntry(unified: UnifiedKernel<Content>, kernelVersion: string, entry: BootEntry): string | undefined {
  const { name, path, commandLine, describesSystem } = unified;
  if (commandLine !== undefined && entry.kernelArguments.length > 0) throw unreachable(path, entry.kernelArguments);
  if (commandLine !== undefined && describesSystem) return undefined;
  const options = commandLine === undefined ? [`options ${kernelCommandLine(entry)}`] : [];
  return `${["title Linux", `version ${kernelVersion}`, `efi /EFI/Linux/${name}`, ...options].join("\n")}\n`;
}

function unreachable(path: string, kernelArguments: readonly string[]): Failure {
  return new Failure({
    kind: "input",
    code: "sealed-command-line",
    message: `disk.kernelArguments has ${kernelArguments.join(" ")}, and the image starts from ${path}, a unified kernel image with its command line inside, to which nothing can be added. Nothing was written.`,
    fix: "write the arguments into that command line where the image is built (ukify --cmdline), or leave disk.kernelArguments out.",
  });
}
