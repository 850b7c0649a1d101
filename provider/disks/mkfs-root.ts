/**
 * A disk with an XFS or btrfs root: formatted by the file system's own program in a file, and filled by the kernel, the one
 * writer that carries everything a layer can hold. The bytes depend on both, and are promised to nobody.
 */
import { mkdir, open, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serialize } from "node:v8";
import { Failure } from "../failure.ts";
import type { DiskExtent } from "../model/disk-extent.ts";
import type { DiskLayout } from "../model/disk-layout.ts";
import { fillingFiles } from "../model/mounted-root.ts";
import type { OnProgress } from "../resources/ports.ts";
import { checkRoom } from "./disk-full.ts";
import type { FileNode } from "./file-node.ts";
import { notFitting, planMountedRoot, type RootWish } from "./mkfs-root-size.ts";
import type { MountedRootPrograms } from "./programs.ts";
import { openSpool, type Spool } from "./spool.ts";

export interface MountedDiskMaking extends RootWish {
  readonly root: FileNode;
  /** Holds the bodies; is emptied. */
  readonly spool: Spool;
  readonly uuid: string;
  /** Of the spool. */
  readonly directory: string;
  readonly programs: MountedRootPrograms;
  /** Everything on the disk but its root. */
  readonly frame: (layout: DiskLayout) => readonly DiskExtent[];
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

export interface MountedDisk {
  readonly layout: DiskLayout;
  readonly extents: readonly DiskExtent[];
  /** What the extents will take on this computer. */
  readonly storedBytes: number;
  /** The file that was mounted, with what the other extents need behind it: it is not copied before the disk is written. */
  readonly spool: Spool;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function planMountedDisk(making: MountedDiskMaking): Promise<MountedDisk> {
  const { root, directory } = making;
  const layout = planMountedRoot(root, making);
  await fillFile(making, layout);
  const image = join(directory, fillingFiles.image);
  const spool = await openSpool(image, { keptBytes: layout.root.sizeBytes });
  try {
    const frame = await movedExtents(making.frame(layout), making.spool, spool);
    await truncate(join(directory, fillingFiles.spool));
    await spool.settle();
    const extents = [...frame, { at: layout.root.offsetBytes, length: layout.root.sizeBytes, from: 0 }];
    return {
      layout,
      extents,
      storedBytes: (await stat(image)).blocks * 512,
      spool,
      [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
    };
  } catch (error) {
    await spool[Symbol.asyncDispose]();
    throw error;
  }
}

async function fillFile(making: MountedDiskMaking, layout: DiskLayout): Promise<void> {
  const { filesystem, root, uuid, directory, programs, signal, onProgress } = making;
  const totalBytes = (await stat(join(directory, fillingFiles.spool))).size;
  await checkRoom(directory, totalBytes);
  const file = fillingFiles.image;
  await using image = await open(join(directory, file), "wx", 0o600);
  await image.truncate(layout.root.sizeBytes);
  await programs.formatters[filesystem].format({ directory, file, uuid, label: "root", signal });
  await writeFile(join(directory, fillingFiles.tree), serialize(root), { mode: 0o600 });
  await mkdir(join(directory, fillingFiles.mountPoint), { mode: 0o700 });
  const phase = "filling the root file system";
  onProgress({ phase, doneBytes: 0, totalBytes });
  const onDone = (doneBytes: number): void => onProgress({ phase, doneBytes, totalBytes });
  await programs.filler.fillTree({ directory, filesystem, signal, onDone }).catch((error: unknown) => {
    throw error instanceof Failure && error.code === "full" ? notFitting(making, layout) : error;
  });
}

/** The same extents, with what waited in one spool added to the other. */
async function movedExtents(extents: readonly DiskExtent[], from: Spool, to: Spool): Promise<DiskExtent[]> {
  const moved: DiskExtent[] = [];
  for (const extent of extents) {
    if ("bytes" in extent) {
      moved.push(extent);
      continue;
    }
    const { at, length } = extent;
    const { pieces } = await to.add(await from.read({ sizeBytes: length, pieces: [{ offset: 0, length, from: extent.from }] }));
    moved.push({ at, length, from: pieces[0]?.from ?? 0 });
  }
  return moved;
}
