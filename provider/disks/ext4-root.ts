/**
 * The seam to the root file system: a tree in, an ext4 partition out. Done with mke2fs and debugfs.
 *
 * Names come in the order of their bytes and times from the layers, so on one version of e2fsprogs the same tree is the
 * same bytes. Another version may place blocks differently: that is not promised.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DiskLayout } from "../model/disk-layout.ts";
import type { OnProgress } from "../resources/ports.ts";
import { ext4Script } from "./ext4-script.ts";
import type { FileBody, FileNode } from "./file-node.ts";
import type { Ext4Programs } from "./programs.ts";

export interface Ext4Writing {
  readonly ext4: Ext4Programs;
  readonly root: FileNode;
  readonly bodyPath: (body: FileBody) => string;
  readonly directory: string;
  readonly file: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly layout: DiskLayout;
  readonly uuid: string;
  readonly epochSeconds: number;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** A constant: the order of names in hashed directories is the same on all disks. */
const hashSeed = "5b7f6d2e-93c1-8a54-b0e8-3d6a1f20c497";
const phase = "writing the root file system";

export async function writeExt4(writing: Ext4Writing): Promise<void> {
  const { ext4, root, directory, file, offsetBytes, layout, epochSeconds, signal, onProgress } = writing;
  const part = { directory, file, offsetBytes, epochSeconds, signal };
  const { inodes, journalBytes } = layout;
  const totalBytes = layout.root.sizeBytes;
  onProgress({ phase, doneBytes: 0, totalBytes });
  await ext4.format({ ...part, sizeBytes: writing.sizeBytes, uuid: writing.uuid, hashSeed, inodes, journalBytes });
  const script = ext4Script(root, { bodyPath: writing.bodyPath, valuePath: (key) => `attributes/${key}` });
  await mkdir(join(directory, "attributes"), { mode: 0o700 });
  for (const [key, value] of script.values) await writeFile(join(directory, "attributes", key), value, { mode: 0o600 });
  const commands = script.commands.length;
  let done = 0;
  const onCommand = (): void => {
    if (++done % 500 === 0) onProgress({ phase, doneBytes: Math.round((done / commands) * totalBytes), totalBytes });
  };
  await ext4.edit({ ...part, script: lines([...script.commands, stamp(epochSeconds)]), onCommand });
  for (const command of script.oddCommands) await ext4.editOnce({ ...part, command });
  if (script.lastCommands.length > 0) {
    await ext4.edit({ ...part, script: lines([...script.lastCommands, stamp(epochSeconds)]), onCommand: () => undefined });
  }
}

/** What debugfs writes down as the time of its last write. */
function stamp(epochSeconds: number): string {
  return `set_current_time @${epochSeconds}`;
}

function lines(commands: readonly string[]): string {
  return `${commands.join("\n")}\n`;
}
