/** The files behind boots: base disks that the group keeps, overlays, credentials, data disks; and what may go. */
import { link, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { Failure } from "../failure.ts";
import { formatByteSize } from "../model/byte-size.ts";
import type { DataDisk } from "../model/machine.ts";
import type { CachedDisk } from "../resources/ports.ts";
import { isPartial, writeAtomically } from "../storage/atomic-file.ts";
import type { QemuPrograms } from "./qemu-programs.ts";
import {
  boots,
  inside,
  listNames,
  machineFolder,
  readRecord,
  recordedMachines,
  safeName,
  type Boot,
  type GroupPlaces,
} from "./qemu-record.ts";

export interface FilesRequest {
  readonly places: GroupPlaces;
  readonly machine: string;
  readonly qemu: QemuPrograms;
  readonly signal: AbortSignal;
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function baseName(diskIdentity: string): string {
  return `${diskIdentity}.raw`;
}

/** The cache may forget the disk, so the group keeps a link of its own, or a copy where the file systems differ. */
export async function keepBase({ places, qemu, signal }: FilesRequest, disk: CachedDisk): Promise<void> {
  const path = join(places.disks, baseName(disk.identity));
  if (await exists(path)) return;
  await writeAtomically(path, async (partial) => {
    await link(disk.path, partial).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") throw error;
      await qemu.copySparse(disk.path, partial, signal);
    });
  });
}

export async function hasBase(places: GroupPlaces, diskIdentity: string): Promise<boolean> {
  return exists(join(places.disks, baseName(diskIdentity)));
}

/** The overlay names its base relative to itself, so that the state folder can move. */
export async function createOverlay({ places, machine, qemu, signal }: FilesRequest, boot: Boot): Promise<void> {
  const directory = machineFolder(places, machine);
  const path = join(directory, boot.overlay);
  if (await exists(path)) return;
  const base = relative(directory, join(places.disks, baseName(boot.diskIdentity)));
  await writeAtomically(path, (partial) => qemu.createOverlay({ directory, file: basename(partial), base, signal }));
}

export async function writeCredentials({ places, machine }: FilesRequest, boot: Boot, text: string): Promise<void> {
  const path = join(machineFolder(places, machine), boot.credentials);
  await writeAtomically(path, (partial) => writeFile(partial, text, { flag: "wx", mode: 0o600 }));
}

/** Removes base disks, overlays and credentials that no machine's record mentions. */
export async function collectGarbage(places: GroupPlaces): Promise<void> {
  const bases = new Set<string>();
  for (const machine of await recordedMachines(places)) {
    const folder = machineFolder(places, machine);
    const record = await readRecord(folder);
    if (record === undefined) continue;
    const used = new Set(boots(record).flatMap((boot) => [boot.overlay, boot.credentials]));
    for (const boot of boots(record)) bases.add(baseName(boot.diskIdentity));
    const ours = (await listNames(folder)).filter((name) => /^(?:system|credentials)-[0-9]+/.test(name));
    for (const name of ours) if (!used.has(name)) await rm(join(folder, name), { force: true });
  }
  for (const name of await listNames(places.disks)) if (!bases.has(name)) await rm(join(places.disks, name), { force: true });
}

/** What a run that was killed had half written. Only whoever holds the group may sweep it. */
export async function sweepPartials({ folder }: GroupPlaces): Promise<void> {
  const names = await readdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  for (const name of names) if (isPartial(name)) await rm(join(folder, name), { force: true });
}

function dataDiskPath(places: GroupPlaces, machine: string, name: string): string {
  return join(places.data, safeName(machine, "machine"), `${safeName(name, "data disk")}.qcow2`);
}

/** As an argument of QEMU, which works in the machine's folder. */
export function dataDiskFile(places: GroupPlaces, machine: string, name: string): string {
  return relative(machineFolder(places, machine), dataDiskPath(places, machine, name));
}

/** Before anything stops: a data disk never shrinks. */
export async function checkDataDisks({ places, machine, qemu, signal }: FilesRequest, disks: readonly DataDisk[]): Promise<void> {
  for (const { name, sizeBytes } of disks) {
    const path = dataDiskPath(places, machine, name);
    if (!(await exists(path))) continue;
    const seen = await qemu.diskSize({ directory: join(places.data, machine), file: basename(path), signal });
    if (seen <= sizeBytes) continue;
    const message = `dataDisks: disk "${name}" of machine "${machine}" has ${formatByteSize(seen)}, and ${formatByteSize(sizeBytes)} is wanted; a data disk can only grow`;
    throw new Failure({
      kind: "input",
      message,
      fix: `set its size to ${formatByteSize(seen).replace(" ", "")} or more, or give the smaller disk another name.`,
    });
  }
}

/** With the machine stopped: makes what is missing, grows what is wanted larger. */
export async function ensureDataDisks(request: FilesRequest, disks: readonly DataDisk[]): Promise<void> {
  const { places, machine, qemu, signal } = request;
  const directory = join(places.data, safeName(machine, "machine"));
  if (disks.length > 0) await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const { name, sizeBytes } of disks) {
    const path = dataDiskPath(places, machine, name);
    if (!(await exists(path))) {
      await writeAtomically(path, (partial) => qemu.createDisk({ directory, file: basename(partial), sizeBytes, signal }));
    } else if ((await qemu.diskSize({ directory, file: basename(path), signal })) < sizeBytes) {
      await qemu.growDisk({ directory, file: basename(path), sizeBytes, signal });
    }
  }
}

export async function firmwareVariables(folder: string, template: string, { qemu, signal }: FilesRequest): Promise<void> {
  const path = join(folder, inside.variables);
  if (await exists(path)) return;
  await writeAtomically(path, (partial) => qemu.copySparse(template, partial, signal));
}
