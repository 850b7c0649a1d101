/** The EFI system partition: systemd-boot where firmware looks for it, one entry, kernel and initramfs. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import type { DiskExtent, StoredBytes } from "../model/disk-extent.ts";
import { formatFat32, type FatFile } from "../model/fat32.ts";
import type { BootFiles } from "./boot-files.ts";
import type { FileBody } from "./file-node.ts";
import type { FatPrograms } from "./programs.ts";

export interface BootEntry {
  readonly rootPartition: string;
  /** Digest that a machine can tell what it runs by. */
  readonly image: string;
  readonly architecture: string;
  readonly kernelArguments: readonly string[];
}

export interface EspWriting {
  readonly fat: FatPrograms;
  /** Holds the disk and, beneath, the bodies. */
  readonly directory: string;
  readonly file: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly serial: string;
  readonly epochSeconds: number;
  readonly files: BootFiles;
  readonly entry: BootEntry;
  readonly bodyPath: (body: FileBody) => string;
  readonly signal: AbortSignal;
}

/** The first serial port, by the name that the architecture's kernel has for it. */
const consoles: Readonly<Record<string, string>> = { arm: "ttyAMA0", arm64: "ttyAMA0" };

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
  return [`root=PARTUUID=${rootPartition}`, "rw", `console=${console}`, ...kernelArguments, `bootable.image=${image}`].join(" ");
}

/** Source: UAPI group, boot loader specification, type 1. */
function loaderEntry(kernelVersion: string, entry: BootEntry): string {
  const lines = ["title Linux", `version ${kernelVersion}`, "linux /linux", "initrd /initrd", `options ${kernelCommandLine(entry)}`];
  return `${lines.join("\n")}\n`;
}

export async function writeEsp(writing: EspWriting): Promise<void> {
  const { fat, files, directory, bodyPath, sizeBytes, serial } = writing;
  const { file, offsetBytes, epochSeconds, signal } = writing;
  const part = { directory, file, offsetBytes, epochSeconds, signal };
  await writeFile(join(directory, "loader.conf"), "timeout 0\neditor no\n", { mode: 0o600 });
  await writeFile(join(directory, "entry.conf"), loaderEntry(files.kernelVersion, writing.entry), { mode: 0o600 });
  await fat.format({ ...part, sizeBytes, serial, label: "ESP" });
  await fat.makeDirectories({ ...part, paths: ["EFI", "EFI/BOOT", "loader", "loader/entries"] });
  await fat.copyIn({
    ...part,
    files: [
      { from: bodyPath(files.loader), to: `EFI/BOOT/${files.removableName}` },
      { from: "loader.conf", to: "loader/loader.conf" },
      { from: "entry.conf", to: "loader/entries/bootable.conf" },
      { from: bodyPath(files.kernel), to: "linux" },
      { from: bodyPath(files.initramfs), to: "initrd" },
    ],
  });
}

export interface Esp {
  readonly sizeBytes: number;
  /** 8 hex digits. */
  readonly serial: string;
  readonly epochSeconds: number;
  readonly files: BootFiles<StoredBytes | Uint8Array>;
  readonly entry: BootEntry;
}

/** What to write where, `at` relative to the partition; a function of the arguments alone. */
export function espExtents({ sizeBytes, serial, epochSeconds, files, entry }: Esp): DiskExtent[] {
  return formatFat32({ sizeBytes, serial, label: "ESP", epochSeconds, files: espFiles(files, entry) });
}

/** What changes most often comes last, since what grows out of its room moves what follows. */
function espFiles(files: BootFiles<StoredBytes | Uint8Array>, entry: BootEntry): FatFile[] {
  return [
    { path: "loader/loader.conf", content: Buffer.from("timeout 0\neditor no\n") },
    { path: "loader/entries/bootable.conf", content: Buffer.from(loaderEntry(files.kernelVersion, entry)) },
    { path: `EFI/BOOT/${files.removableName}`, content: files.loader },
    { path: "linux", content: files.kernel },
    { path: "initrd", content: files.initramfs },
  ];
}
