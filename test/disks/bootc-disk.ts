/** Disks as bootc leaves them, made by sfdisk, mke2fs and mtools. */
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { output, scratchFolder } from "./scratch.ts";

const mebibyte = 1024 ** 2;
export const bootcDiskBytes = 128 * mebibyte;

export interface BootcDisk {
  /** Path on the EFI system partition. */
  readonly loader?: string;
  /** Folder on the root, with its parents. */
  readonly deployment?: string;
  readonly rootType?: string;
  readonly partitions?: readonly string[];
}

const checksum = "3f".repeat(32);
export const ostreeDeployment = `ostree/deploy/default/deploy/${checksum}.0`;
export const composefsDeployment = `state/deploy/${"ab".repeat(64)}`;
const discoverableRoot = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";

/** The path of a disk that is as it should be but for what is asked for. */
export async function bootcDisk(wanted: BootcDisk = {}): Promise<string> {
  const { loader = "EFI/BOOT/BOOTX64.EFI", deployment = ostreeDeployment, rootType = discoverableRoot } = wanted;
  const folder = await scratchFolder();
  const path = join(folder, "made.raw");
  await (await open(path, "w")).close();
  await output("truncate", ["-s", String(bootcDiskBytes), path]);
  const table = wanted.partitions ?? [
    "size=1M,type=21686148-6449-6e6f-744e-656564454649,name=BIOS-BOOT",
    "size=40M,type=U,name=EFI-SYSTEM",
    `type=${rootType},name=root`,
  ];
  await writeFile(join(folder, "table"), `label: gpt\n${table.join("\n")}\n`);
  await output("sh", ["-c", 'sfdisk --quiet "$1" < "$2"', "sfdisk", path, join(folder, "table")]);
  await writeFile(join(folder, "loader"), "loader");
  const esp = `${path}@@2M`;
  await output("mformat", ["-i", esp, "-T", String((40 * mebibyte) / 512), "-h", "64", "-s", "32", "::"]);
  await output("mmd", ["-i", esp, "::/EFI", "::/EFI/BOOT"]);
  await output("mcopy", ["-i", esp, join(folder, "loader"), `::/${loader}`]);
  const root = join(folder, "root");
  await mkdir(join(root, deployment), { recursive: true });
  await mkdir(join(root, "ostree", "bootc"), { recursive: true });
  await output("mke2fs", ["-q", "-t", "ext4", "-d", root, "-E", `offset=${42 * mebibyte}`, path, "85M"]);
  return path;
}

export async function bootcDiskImage(wanted: BootcDisk = {}): Promise<Buffer> {
  return readFile(await bootcDisk(wanted));
}

/** The least that blkid takes for a CD that starts: a volume descriptor, a boot record, and the end of the list. */
export function installerImage(): Buffer {
  const iso = Buffer.alloc(64 * 1024);
  for (const [sector, type] of [
    [16, 1],
    [17, 0],
    [18, 255],
  ] as const) {
    iso.writeUInt8(type, sector * 2048);
    iso.write("CD001\x01", sector * 2048 + 1, "latin1");
  }
  iso.write("EL TORITO SPECIFICATION", 17 * 2048 + 7, "latin1");
  iso.write("INSTALLER", 16 * 2048 + 40, "latin1");
  return iso;
}
