/** Engine `direct`: layers in, a bootable raw disk out, without rights, loop devices or a helper machine. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { DiskOptions } from "../model/disk.ts";
import { allocatedBytes, planLayout, sectorsOf, smallestDiskBytes, type ContentSize, type DiskLayout } from "../model/disk-layout.ts";
import { derivedSerial, derivedUuid } from "../model/derived-uuid.ts";
import { espType, formatGpt, growFileSystem, rootType, sectorBytes } from "../model/gpt.ts";
import { formatByteSize } from "../model/byte-size.ts";
import { cancelled, Failure } from "../failure.ts";
import type { OnProgress, OpenImage } from "../resources/ports.ts";
import { addAuthorizedKeys } from "./authorized-keys.ts";
import { findBootFiles, type BootFiles } from "./boot-files.ts";
import { epochSeconds } from "./disk-times.ts";
import { contentSize } from "./content-size.ts";
import { checkRoom } from "./disk-full.ts";
import { writeEsp } from "./esp.ts";
import { fileBodies } from "./file-bodies.ts";
import type { FileBody } from "./file-node.ts";
import { writeExt4 } from "./ext4-root.ts";
import type { DiskPrograms } from "./programs.ts";
import { readLayers } from "./read-layers.ts";

export interface DiskMaking {
  readonly image: OpenImage;
  readonly options: DiskOptions;
  readonly identity: string;
  readonly programs: DiskPrograms;
  /** Private, empty, and removed by whoever made it. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

const diskFile = "disk.raw";

/** Answers the path of the disk inside the folder. */
export async function makeDirectly(making: DiskMaking): Promise<string> {
  const { image, options, identity, programs, directory, signal, onProgress } = making;
  const bodies = fileBodies(join(directory, "bodies"));
  const bodyPath = (body: FileBody): string => `bodies/${body.key}`;
  const root = await readLayers(image.layers, { bodies, signal, onProgress });
  const files = findBootFiles(root, options.platform);
  await addAuthorizedKeys(root, options.rootSshAuthorizedKeys, bodies);
  const content = contentSize(root);
  const layout = plan(options, content, espContentBytes(files));
  await checkRoom(directory, allocatedBytes(layout, content, espContentBytes(files)));
  const path = join(directory, diskFile);
  const rootPartition = derivedUuid(identity, "root partition");
  const part = { directory, file: diskFile, epochSeconds, signal };
  await writeTable(path, { layout, identity, rootPartition, architecture: options.platform.architecture });
  await writeExt4({
    ...part,
    ...layout.root,
    ext4: programs.ext4,
    layout,
    root,
    bodyPath,
    uuid: derivedUuid(identity, "root file system"),
    onProgress,
  });
  onProgress({ phase: "writing the EFI system partition", doneBytes: 0 });
  await writeEsp({
    ...part,
    ...layout.esp,
    fat: programs.fat,
    serial: derivedSerial(identity, "EFI system partition"),
    files,
    bodyPath,
    entry: {
      rootPartition,
      image: image.digest,
      architecture: options.platform.architecture,
      kernelArguments: options.kernelArguments,
    },
  });
  if (signal.aborted) throw cancelled("Making the disk");
  return path;
}

function espContentBytes({ kernel, initramfs, loader }: BootFiles): number {
  return kernel.sizeBytes + initramfs.sizeBytes + loader.sizeBytes;
}

function plan(options: DiskOptions, content: ContentSize, bootBytes: number): DiskLayout {
  const layout = planLayout(content, bootBytes, options.sizeBytes);
  const smallest = smallestDiskBytes(content, bootBytes);
  if (layout.diskBytes < smallest) throw tooSmall(options.sizeBytes ?? 0, smallest);
  return layout;
}

function tooSmall(wanted: number, smallest: number): Failure {
  const needed = `${Math.ceil(smallest / 1024 ** 2)}MiB`;
  return new Failure({
    kind: "input",
    code: "disk-too-small",
    message: `disk.size is ${formatByteSize(wanted)}, and the image needs at least ${needed}. Nothing was written.`,
    fix: `set disk.size to ${needed} or more, or leave it out.`,
  });
}

interface Table {
  readonly layout: DiskLayout;
  readonly identity: string;
  readonly rootPartition: string;
  readonly architecture: string;
}

/** The root partition comes last, so that it can grow with the disk. */
async function writeTable(path: string, { layout, identity, rootPartition, architecture }: Table): Promise<void> {
  const type = rootType(architecture);
  if (type === undefined) throw new Failure({ kind: "bug", message: `There is no root partition type for ${architecture}.` });
  const table = formatGpt({
    diskGuid: derivedUuid(identity, "disk"),
    diskSectors: layout.diskBytes / sectorBytes,
    partitions: [
      { type: espType, guid: derivedUuid(identity, "EFI system partition"), name: "esp", ...sectorsOf(layout.esp) },
      { type, guid: rootPartition, name: "root", ...sectorsOf(layout.root), attributes: growFileSystem },
    ],
  });
  await using file = await open(path, "wx", 0o600);
  await file.truncate(layout.diskBytes);
  await file.write(table.primary, 0, table.primary.length, 0);
  await file.write(table.backup, 0, table.backup.length, layout.diskBytes - table.backup.length);
}
