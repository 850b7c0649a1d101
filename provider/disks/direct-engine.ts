/** Engine `direct`: layers in, a bootable raw disk out, without rights, loop devices, other programs or a helper machine. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "../model/digest.ts";
import type { DiskExtent } from "../model/disk-extent.ts";
import type { DiskOptions } from "../model/disk.ts";
import type { ImageFacts } from "../model/image-check-facts.ts";
import { planLayout, rootBytesOn, sectorsOf, type DiskLayout } from "../model/disk-layout.ts";
import { derivedSerial, derivedUuid } from "../model/derived-uuid.ts";
import { espType, formatGpt, growFileSystem, rootType, sectorBytes } from "../model/gpt.ts";
import { formatByteSize } from "../model/byte-size.ts";
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
import { imageFacts } from "./preflight.ts";
import { readLayers } from "./read-layers.ts";
import { formatRoot } from "./root-extents.ts";
import { openSpool, type Spool } from "./spool.ts";
import { partReader } from "./stored-part.ts";

export interface DiskMaking {
  readonly image: OpenImage;
  readonly options: DiskOptions;
  readonly identity: string;
  /** Private, empty, and removed by whoever made it. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
  /** What it throws ends the making before anything is written. */
  readonly inspect?: ((facts: ImageFacts) => void) | undefined;
}

export interface MadeDisk {
  /** Inside the folder. */
  readonly path: string;
  /** Of the raw bytes. */
  readonly digest: Digest;
  /** Left out by engines that do not look into the image. */
  readonly facts?: ImageFacts;
}

export async function makeDirectly(making: DiskMaking): Promise<MadeDisk> {
  const { image, options, directory, signal, onProgress, inspect } = making;
  await using spool = await openSpool(join(directory, "spool"));
  const loader = await ownLoader(spool, options);
  const root = await readLayers(image.layers, { spool, signal, onProgress });
  const read = partReader(spool.descriptor);
  const files = await findBoot(root, { platform: options.platform, read, ...loader });
  const facts = await imageFacts(root, { bootFiles: files, read, kernelArguments: options.kernelArguments, signal });
  inspect?.(facts);
  await addAuthorizedKeys(root, options.rootSshAuthorizedKeys, spool);
  onProgress({ phase: "placing the files", doneBytes: 0 });
  const { layout, extents } = planDisk(making, root, files);
  await checkRoom(directory, storedBytes(extents));
  const path = join(directory, "disk.raw");
  await using file = await open(path, "wx", 0o600);
  await file.truncate(layout.diskBytes);
  const digest = await writeDisk({ descriptor: file.fd, sizeBytes: layout.diskBytes, extents, spool, signal, onProgress });
  return { path, digest, facts };
}

async function ownLoader(spool: Spool, { bootLoader, platform }: DiskOptions): Promise<{ readonly loader?: FileBody }> {
  return bootLoader === undefined ? {} : { loader: await spool.add(await openBootLoader(bootLoader, platform)) };
}

interface PlannedDisk {
  readonly layout: DiskLayout;
  readonly extents: readonly DiskExtent[];
}

/** Everything that will lie on the disk: a function of the tree, the options and the identity. */
function planDisk({ image, options, identity }: DiskMaking, root: FileNode, files: BootFiles | UnifiedBootFiles): PlannedDisk {
  const found = listFiles(root);
  const bins = placeItems(gatherItems(found.files));
  const layout = layoutOf(bins, espContentBytes(files), options.sizeBytes);
  const places = placeFiles(found, bins, layout.root.sizeBytes);
  if (places === undefined)
    throw new Failure({ kind: "bug", message: "The files do not fit the root file system that was made for them." });
  const rootPartition = derivedUuid(identity, "root partition");
  const { architecture } = options.platform;
  const esp = espExtents({
    sizeBytes: layout.esp.sizeBytes,
    serial: derivedSerial(identity, "EFI system partition"),
    epochSeconds,
    files,
    entry: { rootPartition, image: image.digest, architecture, kernelArguments: options.kernelArguments },
  });
  const extents = [
    ...tableExtents({ layout, identity, rootPartition, architecture }),
    ...shifted(esp, layout.esp.offsetBytes),
    ...shifted(formatRoot(found, places, { uuid: derivedUuid(identity, "root file system"), epochSeconds }), layout.root.offsetBytes),
  ];
  return { layout, extents };
}

function shifted(extents: readonly DiskExtent[], bytes: number): DiskExtent[] {
  return extents.map((extent) => ({ ...extent, at: extent.at + bytes }));
}

function storedBytes(extents: readonly DiskExtent[]): number {
  return extents.reduce((sum, extent) => sum + ("bytes" in extent ? extent.bytes.length : extent.length), 0);
}

function layoutOf(bins: RootBins, bootBytes: number, wantedBytes: number | undefined): DiskLayout {
  if (wantedBytes === undefined) return planLayout(bootBytes, defaultRootBytes(bins));
  const rootBytes = rootBytesOn(wantedBytes, bootBytes);
  const smallest = smallestRootBytes(bins);
  if (rootBytes < smallest) throw tooSmall(wantedBytes, planLayout(bootBytes, smallest).diskBytes);
  return planLayout(bootBytes, rootBytes);
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
