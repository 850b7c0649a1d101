/** What is remembered of a machine, in `machine.json` of its folder, and where everything of a group lies. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import { replaceFile } from "../storage/atomic-file.ts";
import { unusable } from "../storage/own-folder.ts";

/** One way to start a machine: a system disk and the settings that go with it. Old ones are kept until they are not needed. */
export interface Boot {
  /** Counts up; names the boot's files. */
  readonly number: number;
  readonly image: string;
  readonly digest: Digest;
  readonly diskIdentity: string;
  /** A restart with other settings shares its overlay with the boot before it. */
  readonly overlay: string;
  readonly credentials: string;
  /** Paths in the guest that boots of this overlay have written. */
  readonly given: readonly string[];
  readonly settingsHash: string;
  readonly architecture: string;
  readonly accelerator: "auto" | "kvm" | "tcg";
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly dataDisks: readonly string[];
  /** Guest port to port on 127.0.0.1; what the kernel chose is kept from boot to boot. */
  readonly ports: Readonly<Record<string, number>>;
}

export interface MachineRecord {
  readonly version: 1;
  /** URN of the group. */
  readonly key: string;
  readonly name: string;
  /** Written before the process is started, and after the one before has ended: what runs is this one. */
  readonly booted?: Boot;
  /** What a rollback starts again; gone once the group is settled. */
  readonly previous?: Boot;
  /** Prepared beside the one that runs. */
  readonly staged?: Boot;
  /** A rollout that ended well has confirmed `booted` for good. */
  readonly settled: boolean;
  readonly lastNumber: number;
}

/** Names inside a machine's folder. */
export const inside = {
  record: "machine.json",
  console: "console.log",
  olderConsole: "console.old.log",
  consoleSocket: "console.sock",
  monitorSocket: "qmp.sock",
  processId: "qemu.pid",
  recorderProcessId: "recorder.pid",
  messages: "qemu.log",
  variables: "firmware-variables.fd",
  healthKey: "ssh-health",
  hostKey: "ssh-host",
  knownHosts: "known-hosts",
} as const;

export interface GroupPlaces {
  readonly key: string;
  readonly folder: string;
  readonly machines: string;
  readonly disks: string;
  readonly data: string;
  readonly holder: string;
  readonly memory: string;
}

export function groupsFolder(stateDirectory: string): string {
  return join(stateDirectory, "qemu");
}

export function groupPlaces(stateDirectory: string, key: string): GroupPlaces {
  const name = key.slice(key.lastIndexOf("::") + 2);
  const readable = name.replaceAll(/[^A-Za-z0-9-]+/g, "-").slice(0, 40);
  const hash = createHash("sha256").update(key).digest("hex").slice(0, 16);
  const folder = join(groupsFolder(stateDirectory), `${readable}-${hash}`);
  const within = (part: string): string => join(folder, part);
  const folders = { machines: within("machines"), disks: within("disks"), data: within("data") };
  return { key, folder, ...folders, holder: within("holder.json"), memory: within("group.json") };
}

const machineName = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** Names become folders: nothing but letters, digits and dashes passes. */
export function safeName(name: string, what: string): string {
  if (machineName.test(name)) return name;
  const message = `${what} name ${JSON.stringify(name)} is not one a folder can have; use 1 to 63 letters, digits and dashes`;
  throw new Failure({ kind: "input", message });
}

export function machineFolder(places: GroupPlaces, name: string): string {
  return join(places.machines, safeName(name, "machine"));
}

export async function readRecord(folder: string): Promise<MachineRecord | undefined> {
  const path = join(folder, inside.record);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const record = parseRecord(text);
  if (record !== undefined) return record;
  const message = `${path} is not a machine's record that this version of the provider can read, so nothing was done with that machine.`;
  throw new Failure({
    kind: "environment",
    message,
    fix: "use the version of the provider that wrote it, or remove the machine's folder.",
  });
}

function parseRecord(text: string): MachineRecord | undefined {
  try {
    const value = JSON.parse(text) as Partial<MachineRecord> | null;
    return value?.version === 1 && typeof value.name === "string" ? (value as MachineRecord) : undefined;
  } catch {
    return undefined;
  }
}

export async function writeRecord(folder: string, record: MachineRecord): Promise<void> {
  await replaceFile(join(folder, inside.record), `${JSON.stringify(record, undefined, 2)}\n`);
}

/** Names of all machines that have a record. */
export async function recordedMachines(places: GroupPlaces): Promise<readonly string[]> {
  const names = await listNames(places.machines);
  const records = await Promise.all(names.map((name) => readRecord(join(places.machines, name))));
  return names.filter((_, index) => records[index] !== undefined).sort();
}

export async function listNames(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw unusable({ path: folder, holds: "Machines", variable: "XDG_STATE_HOME" }, error);
  });
}

export function boots(record: MachineRecord): readonly Boot[] {
  return [record.booted, record.previous, record.staged].filter((boot) => boot !== undefined);
}
