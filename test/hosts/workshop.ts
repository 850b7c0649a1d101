/** A place to run machines in tests: a state folder of its own, blank disks, and an end that leaves nothing running. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machines, type MachinesOptions } from "../../provider/hosts/qemu-machines.ts";
import type { Digest } from "../../provider/model/digest.ts";
import type { HealthCheck } from "../../provider/model/health-check.ts";
import type { MachineSettings } from "../../provider/model/machine.ts";
import type { CachedDisk, MachineDriver, MachineGroupPort, Machines } from "../../provider/resources/ports.ts";
import { runProgram, startDetached } from "../../provider/tools/process.ts";
import { qemu } from "../../provider/tools/qemu.ts";
import { ssh } from "../../provider/tools/ssh.ts";

export const signal = new AbortController().signal;
export const urn = "urn:pulumi:dev::kiosks::bootable:qemu:MachineGroup::kiosk";

export function digestOf(text: string): Digest {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

export const plainSettings: MachineSettings = {
  memoryBytes: 128 * 1024 ** 2,
  cpus: 1,
  ports: {},
  dataDisks: [],
  sshAuthorizedKeys: [],
  files: {},
  accelerator: "tcg",
  platform: { os: "linux", architecture: "amd64" },
};

export interface Workshop {
  readonly folder: string;
  readonly stateDirectory: string;
  readonly machines: Machines;
  readonly group: MachineGroupPort;
  readonly reports: string[];
  /** A disk with nothing to boot: the firmware runs and waits. */
  blankDisk(version: string): Promise<CachedDisk>;
  driver(version: string, more?: DriverOptions): MachineDriver;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface DriverOptions {
  readonly settings?: Readonly<Record<string, Partial<MachineSettings>>>;
  readonly healthCheck?: HealthCheck;
  readonly disk?: () => Promise<CachedDisk>;
}

/** In a folder that is there, for two processes at one group. */
export async function openWorkshop(options: Partial<MachinesOptions> = {}, place?: string): Promise<Workshop> {
  const folder = place ?? (await mkdtemp(join(tmpdir(), "bootable-hosts-")));
  const stateDirectory = join(folder, "state");
  const all = machines({
    qemu: qemu(runProgram, startDetached),
    ssh: ssh(runProgram),
    start: startDetached,
    stateDirectory,
    shutdownSeconds: 1,
    ...options,
  });
  const group = all.group(urn);
  const reports: string[] = [];
  const blankDisk = async (version: string): Promise<CachedDisk> => {
    const identity = digestOf(`disk ${version}`).slice(7);
    const path = join(folder, "cache", `${identity}.raw`);
    await mkdir(join(folder, "cache"), { recursive: true });
    await using file = await open(path, "w");
    await file.truncate(8 * 1024 ** 2);
    return { identity, path, sizeBytes: 8 * 1024 ** 2, digest: digestOf("zeros") };
  };
  const driver: Workshop["driver"] = (version, more = {}) => {
    const named = more.settings ?? { "kiosk-1": {} };
    const settings = Object.fromEntries(Object.entries(named).map(([name, own]) => [name, { ...plainSettings, ...own }]));
    const { healthCheck } = more;
    return group.driver({
      image: { registry: "local", repository: "os", digest: digestOf(version) },
      disk: more.disk ?? (() => blankDisk(version)),
      settings,
      report: (text) => reports.push(text),
      ...(healthCheck && { healthCheck }),
    });
  };
  const close = async (): Promise<void> => {
    for (const { name } of await group.observe(undefined, signal)) await group.remove(name, { dataDisks: true, signal });
    await group.removeGroup(signal);
    await rm(folder, { recursive: true, force: true });
  };
  return { folder, stateDirectory, machines: all, group, reports, blankDisk, driver, [Symbol.asyncDispose]: close };
}

/** A process id that must be there: 0 would mean the tests' own process group. */
export function known(processId: number | undefined): number {
  if (processId === undefined) throw new Error("there is no process");
  return processId;
}

/** Swaps and confirms, as the executor of rollouts does. */
export async function bringUp(driver: MachineDriver, host: string, version: string): Promise<string> {
  const target = digestOf(version);
  await driver.prepare(host, target, signal);
  await driver.swap(host, target, signal);
  return (await driver.confirm(host, target, signal)).kind;
}
