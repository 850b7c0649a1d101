/**
 * A computer whose virtual machines are started by the real QEMU and never run an instruction (`-S`): cheap enough to
 * try what happens to their processes and files, without a guest.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { images } from "../../provider/registry/images.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { bootable } from "../disks/layered-image.ts";
import { writeLayout } from "../disks/oci-layout.ts";
import { tar } from "../disks/tar-writer.ts";
import { diagnostics, openWorkspace, toolsDirectory, type EngineRun, type Workspace } from "./engine.ts";

const checkout = new URL("../..", import.meta.url).pathname;

export interface PausedComputer {
  readonly root: string;
  readonly environment: Readonly<Record<string, string>>;
  /** References of images in the local store, one for each version. */
  readonly versions: readonly string[];
  /** Ids of processes that work in this computer's folders. */
  processes(): readonly number[];
  /** Files of machine groups, relative, with the hashes in them cut short; logs, sockets and the like left out. */
  files(): readonly string[];
  /** Folders of machine groups. */
  groups(): readonly string[];
}

export async function openPausedComputer(versions: readonly string[]): Promise<PausedComputer> {
  const root = mkdtempSync(join(tmpdir(), "paused-"));
  onTestFinished(() => {
    for (const processId of processesIn(root)) process.kill(processId, "SIGKILL");
    rmSync(root, { recursive: true, force: true });
  });
  const programs = join(root, "programs");
  mkdirSync(programs);
  const qemu = "qemu-system-x86_64";
  const real = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, qemu));
  writeFileSync(join(programs, qemu), `#!/bin/sh\nfor qemu in ${real.join(" ")}; do\n[ -x $qemu ] && exec $qemu "$@" -S\ndone\nexit 127\n`);
  chmodSync(join(programs, qemu), 0o755);
  const folders = { XDG_DATA_HOME: join(root, "data"), XDG_CACHE_HOME: join(root, "cache"), XDG_STATE_HOME: join(root, "state") };
  const path = [programs, toolsDirectory(), process.env["PATH"]].join(delimiter);
  const groups = join(folders.XDG_STATE_HOME, "bootable", "qemu");
  return {
    root,
    environment: { ...folders, PATH: path },
    versions: await Promise.all(versions.map((version) => store(root, join(folders.XDG_DATA_HOME, "bootable", "store"), version))),
    processes: () => processesIn(root),
    files: () => groupFiles(groups),
    groups: () => (existsSync(groups) ? readdirSync(groups) : []),
  };
}

async function store(root: string, storeDirectory: string, version: string): Promise<string> {
  const layoutDirectory = join(root, `layout-${version}`);
  await writeLayout(layoutDirectory, [tar([...bootable, { path: "version", content: version }])]);
  const { digest } = await images({ storeDirectory, runProgram }).publish({
    layoutDirectory,
    repository: { registry: "local", repository: "os" },
    tags: [version],
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  return `local/os@${digest}`;
}

function processesIn(root: string): readonly number[] {
  const ids = readdirSync("/proc").filter((name) => /^[0-9]+$/u.test(name));
  return ids.map(Number).filter((id) => folderOf(id).startsWith(join(root, "state")));
}

function folderOf(processId: number): string {
  try {
    return readlinkSync(`/proc/${processId}/cwd`);
  } catch {
    return "";
  }
}

const alwaysThere = /(?:\.log|\.sock|\.pid|\.fd|machine\.json|holder\.json|group\.json)$/u;

function groupFiles(groups: string): readonly string[] {
  const found = readdirSync(groups, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  const names = found.map((one) => join(one.parentPath, one.name).slice(groups.length + 1));
  return names
    .filter((name) => !alwaysThere.test(name))
    .map((name) => name.replaceAll(/[0-9a-f]{16,}/gu, "HASH"))
    .toSorted();
}

export interface PausedGroup extends Workspace {
  /** Runs pulumi, which must end well; answers what it printed. */
  good(...args: readonly string[]): Promise<EngineRun>;
  up(...args: readonly string[]): Promise<EngineRun>;
  /** Writes a program of one MachineGroup. */
  group(properties: object, options?: object, name?: string): void;
  /** What the state says of it. */
  outputs(): Readonly<Record<string, unknown>>;
}

/** A stack with the MachineGroup `kiosk`, unless the program says otherwise; `offline`: the same one, seen by a provider that asks no machine. */
export async function openPausedGroup(computer: PausedComputer, offline?: PausedGroup): Promise<PausedGroup> {
  const plugins = { bootable: join(checkout, "provider") };
  const environment = { ...computer.environment, ...(offline && { BOOTABLE_OFFLINE: "1" }) };
  const place = offline && { root: dirname(offline.directory) };
  const workspace = await openWorkspace({ project: "kiosks", plugins, environment, ...place });
  onTestFinished(() => workspace.remove());
  const good = async (...args: readonly string[]): Promise<EngineRun> => {
    const run = await workspace.run(...args);
    if (run.exitCode !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${run.exitCode}:\n${run.output}`);
    return run;
  };
  const common = { machines: ["kiosk-1", "kiosk-2"], memory: "64MiB", accelerator: "tcg" };
  return {
    ...workspace,
    good,
    up: (...args) => good("up", "--yes", "--skip-preview", ...args),
    group: (properties, options = {}, name = "kiosk") => {
      const resource = { type: "bootable:qemu:MachineGroup", properties: { ...common, ...properties }, options };
      workspace.program(`resources: ${JSON.stringify({ [name]: resource })}\n`);
    },
    outputs: () => workspace.state().resources.find(({ type }) => type === "bootable:qemu:MachineGroup")?.outputs ?? {},
  };
}

/** What the run's diagnostics say of the group. */
export function messageOf(run: EngineRun): string {
  const text = diagnostics(run.output)
    .split("\n\n")
    .find((part) => part.startsWith("bootable:qemu:MachineGroup ("));
  return (text ?? "")
    .split("\n")
    .slice(1)
    .map((line) => line.replace(/^ {2}/u, ""))
    .join("\n")
    .trimEnd();
}
