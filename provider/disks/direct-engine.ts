/**
 * Engine `direct`: layers in, a bootable raw disk out. With ext4 without rights, loop devices, other programs or a helper
 * machine; XFS and btrfs need some of them (mkfs-root.ts).
 */
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "../model/digest.ts";
import type { DiskExtent } from "../model/disk-extent.ts";
import type { DiskOptions } from "../model/disk.ts";
import type { ImageFacts } from "../model/image-check-facts.ts";
import { layoutVersion, planLayout, rootBytesOn, sectorsOf, type DiskLayout } from "../model/disk-layout.ts";
import { derivedSerial, derivedUuid } from "../model/derived-uuid.ts";
import { espType, formatGpt, growFileSystem, rootType, sectorBytes } from "../model/gpt.ts";
import { formatByteSize } from "../model/byte-size.ts";
import { fillingFiles } from "../model/mounted-root.ts";
import { Failure } from "../failure.ts";
import type { OnProgress, OpenImage } from "../resources/ports.ts";
import { addAuthorizedKeys } from "./authorized-keys.ts";
import { findBoot, type BootFiles, type UnifiedBootFiles } from "./boot-files.ts";
import { openBootLoader } from "./boot-loader-file.ts";
import { checkRoom } from "./disk-full.ts";
import { epochSeconds } from "./disk-times.ts";
import { writeDisk } from "./disk-writer.ts";
import { espContentBytes, espExtents } from "./esp.ts";
import { listFiles } from "./ext4-files.ts";
import { placeItems, type RootBins } from "./ext4-bins.ts";
import { gatherItems } from "./ext4-items.ts";
import { placeFiles } from "./ext4-places.ts";
import { defaultRootBytes, smallestRootBytes } from "./ext4-size.ts";
import type { FileBody, FileNode } from "./file-node.ts";
import type { FilesAlongside } from "./files-alongside.ts";
import type { MadeDisk } from "./made-disk.ts";
import { planMountedDisk } from "./mkfs-root.ts";
import { checkMounting } from "./mkfs-root-preflight.ts";
import { imageFacts } from "./preflight.ts";
import type { MountedRootPrograms } from "./programs.ts";
import { readLayers } from "./read-layers.ts";
import { formatRoot } from "./root-extents.ts";
import { openSpool, type Spool } from "./spool.ts";
import { partReader } from "./stored-part.ts";

export interface DiskMaking {
  readonly image: OpenImage;
  readonly options: DiskOptions;
  readonly identity: string;
  readonly programs: MountedRootPrograms;
  /** Private, empty, and removed by whoever made it. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
  /** What it throws ends the making before anything is written. */
  readonly inspect?: ((facts: ImageFacts) => void) | undefined;
  /** Written in the same pass. */
  readonly alongside?: FilesAlongside | undefined;
}

export async function makeDirectly(making: DiskMaking): Promise<MadeDisk> {
  const { image, options, directory, programs, signal, onProgress, inspect } = making;
  const { filesystem } = options;
  if (filesystem !== "ext4") await checkMounting(filesystem, programs, signal);
  await using spool = await openSpool(join(directory, fillingFiles.spool));
  const loader = await ownLoader(spool, options);
  const root = await readLayers(image.layers, { spool, signal, onProgress });
  const read = partReader(spool.descriptor);
  const files = await findBoot(root, { platform: options.platform, read, ...loader });
  const facts = await imageFacts(root, { bootFiles: files, read, kernelArguments: options.kernelArguments, signal });
  inspect?.(facts);
  await addAuthorizedKeys(root, options.rootSshAuthorizedKeys, spool);
  if (filesystem === "ext4") {
    onProgress({ phase: "placing the files", doneBytes: 0 });
    return { ...(await writeOut(making, { ...planDisk(making, root, files), spool })), facts, layoutVersion };
  }
  await using planned = await planMountedDisk({
    ...making,
    filesystem,
    sizeBytes: options.sizeBytes,
    bootBytes: espContentBytes(files),
    root,
    spool,
    uuid: rootUuid(making),
    frame: (layout) => frameExtents(making, layout, files),
  });
  return { ...(await writeOut(making, planned)), facts };
}

async function writeOut(
  { directory, alongside, signal, onProgress }: DiskMaking,
  { layout, extents, storedBytes, spool }: PlannedDisk & { readonly spool: Spool },
): Promise<{ readonly path: string; readonly digest: Digest }> {
  await checkRoom(directory, storedBytes);
  const path = join(directory, "disk.raw");
  await using file = await open(path, "wx", 0o600);
  await file.truncate(layout.diskBytes);
  const digest = await writeDisk({ descriptor: file.fd, sizeBytes: layout.diskBytes, extents, spool, alongside, signal, onProgress });
  return { path, digest };
}

async function ownLoader(spool: Spool, { bootLoader, platform }: DiskOptions): Promise<{ readonly loader?: FileBody }> {
  return bootLoader === undefined ? {} : { loader: await spool.add(await openBootLoader(bootLoader, platform)) };
}

interface PlannedDisk {
  readonly layout: DiskLayout;
  readonly extents: readonly DiskExtent[];
  /** What they will take on this computer. */
  readonly storedBytes: number;
}

/** Everything that will lie on the disk: a function of the tree, the options and the identity. */
function planDisk(making: DiskMaking, root: FileNode, files: BootFiles | UnifiedBootFiles): PlannedDisk {
  const found = listFiles(root);
  const bins = placeItems(gatherItems(found.files));
  const layout = layoutOf(bins, espContentBytes(files), making.options.sizeBytes);
  const places = placeFiles(found, bins, layout.root.sizeBytes);
  if (places === undefined)
    throw new Failure({ kind: "bug", message: "The files do not fit the root file system that was made for them." });
  const rootExtents = formatRoot(found, places, { uuid: rootUuid(making), epochSeconds });
  const extents = [...frameExtents(making, layout, files), ...shifted(rootExtents, layout.root.offsetBytes)];
  const storedBytes = extents.reduce((sum, extent) => sum + ("bytes" in extent ? extent.bytes.length : extent.length), 0);
  return { layout, extents, storedBytes };
}

function rootUuid({ identity }: DiskMaking): string {
  return derivedUuid(identity, "root file system");
}

/** Partition table and EFI system partition. */
function frameExtents({ image, options, identity }: DiskMaking, layout: DiskLayout, files: BootFiles | UnifiedBootFiles): DiskExtent[] {
  const rootPartition = derivedUuid(identity, "root partition");
  const { architecture } = options.platform;
  const esp = espExtents({
    sizeBytes: layout.esp.sizeBytes,
    serial: derivedSerial(identity, "EFI system partition"),
    epochSeconds,
    files,
    entry: { rootPartition, image: image.digest, architecture, kernelArguments: options.kernelArguments },
  });
  return [...tableExtents({ layout, identity, rootPartition, architecture }), ...shifted(esp, layout.esp.offsetBytes)];
}

function shifted(extents: readonly DiskExtent[], bytes: number): DiskExtent[] {
  return extents.map((extent) => ({ ...extent, at: extent.at + bytes }));
}

function layoutOf(bins: RootBins, bootBytes: number, wantedBytes: number | undefined): DiskLayout {
  if (wantedBytes === undefined) return planLayout(bootBytes, defaultRootBytes(bins));
  const rootBytes = rootBytesOn(wantedBytes, bootBytes);
  const smallest = smallestRootBytes(bins);
  if (rootBytes < smallest) throw tooSmall(wantedBytes, planLayout(bootBytes, smallest).diskBytes);
  return planLayout(bootBytes, rootBytes);
}

function tooSmall(wanted: number, smallest: number): Failure {
  const needed = Math.ceil(smallest / 1024 ** 2);
  return new Failure({
    kind: "input",
    code: "disk-too-small",
    message: `disk.size is ${formatByteSize(wanted)}, and the image needs at least ${needed} MiB. Nothing was written.`,
    fix: `set disk.size to ${needed}MiB or more, or leave it out.`,
  });
}

interface Table {
  readonly layout: DiskLayout;
  readonly identity: string;
  readonly rootPartition: string;
  readonly architecture: string;
}

/** The root partition comes last, so that it can grow with the disk. */
function tableExtents({ layout, identity, rootPartition, architecture }: Table): DiskExtent[] {
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
  return [
    { at: 0, bytes: table.primary },
    { at: layout.diskBytes - table.backup.length, bytes: table.backup },
  ];
}
