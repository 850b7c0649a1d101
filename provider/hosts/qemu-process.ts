/** The QEMU process of a machine: found again by any later run, started, and stopped: asked first, then made to. */
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import { derivedUuid } from "../model/derived-uuid.ts";
import { stopIfAborted, waitUntil } from "./pause.ts";
import { inside } from "./qemu-record.ts";
import { withMonitor } from "./qmp.ts";

/** Of the machine in this folder; the mark by which its process is known. */
export function machineUuid(folder: string): string {
  return derivedUuid(folder, "machine");
}

export interface MachineProcess {
  readonly processId: number;
  readonly startedAt: Date;
}

/**
 * QEMU writes its process id itself, so it is there even when the provider was killed right after it had started
 * QEMU. A process id may be another's by now: only the process that has the machine's UUID among its arguments is meant.
 */
export async function findProcess(folder: string): Promise<MachineProcess | undefined> {
  const path = join(folder, inside.processId);
  const [processId, status] = await Promise.all([readProcessId(path), stat(path).catch(() => undefined)]);
  if (processId === undefined) return findNewProcess(folder);
  return (await isMachine(processId, folder)) ? { processId, startedAt: status?.mtime ?? new Date() } : undefined;
}

/** A moment after its start QEMU has not written its id yet; the recorder, started before it, tells that it was to start. */
async function findNewProcess(folder: string): Promise<MachineProcess | undefined> {
  const recorder = await stat(join(folder, inside.recorderProcessId)).catch(() => undefined);
  if (recorder === undefined || process.platform !== "linux") return undefined;
  for (const name of await readdir("/proc")) {
    const processId = Number(name);
    if (processId > 1 && (await isMachine(processId, folder))) return { processId, startedAt: recorder.mtime };
  }
  return undefined;
}

async function readProcessId(path: string): Promise<number | undefined> {
  const processId = Number.parseInt(await readFile(path, "utf8").catch(() => ""), 10);
  return processId > 1 ? processId : undefined;
}

/** Without /proc, that a process lives must do. */
async function isMachine(processId: number, folder: string): Promise<boolean> {
  if (process.platform !== "linux") return isAlive(processId);
  const args = await commandLine(processId);
  return args[args.indexOf("-uuid") + 1] === machineUuid(folder);
}

async function commandLine(processId: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/${processId}/cmdline`, "utf8").catch(() => "");
  return text.split("\0");
}

function isAlive(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch {
    return false;
  }
}

function sendSignal(processId: number, signal: NodeJS.Signals): void {
  try {
    process.kill(processId, signal);
  } catch {
    // It has ended by itself.
  }
}

export interface StopRequest {
  readonly folder: string;
  readonly name: string;
  /** How long the guest may take to shut down. */
  readonly shutdownSeconds: number;
  readonly signal: AbortSignal;
}

/** Presses the power button, then quits QEMU, then kills it. Returns when the process is gone; that it was gone is fine. */
export async function stopProcess(request: StopRequest): Promise<void> {
  const { folder, name } = request;
  const gone = async (): Promise<boolean> => (await findProcess(folder)) === undefined;
  if (!(await gone()) && !(await shutDown(request, gone))) await forceOff(request, gone);
  await endRecorder(request);
  if (await gone()) {
    await rm(join(folder, inside.processId), { force: true });
    return;
  }
  const message = `Machine "${name}" could not be stopped: its process ${(await findProcess(folder))?.processId} outlives SIGKILL.`;
  throw new Failure({ kind: "environment", message, fix: "look at what the process waits for, then run pulumi up again." });
}

/** A guest that still boots does not hear the button, so it is pressed again. */
async function shutDown({ folder, name, shutdownSeconds, signal }: StopRequest, gone: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + shutdownSeconds * 1000;
  const what = `Stopping machine "${name}"`;
  while (performance.now() < deadline) {
    const monitor = { socket: join(folder, inside.monitorSocket), timeoutSeconds: 5, signal };
    const heard = await withMonitor(monitor, async (qmp) => {
      const status = (await qmp.execute("query-status")) as { readonly running?: boolean };
      if (status.running === true) await qmp.execute("system_powerdown");
      return status.running === true;
    }).catch(() => false);
    stopIfAborted(signal, what);
    const seconds = Math.min(5, (deadline - performance.now()) / 1000);
    if (await waitUntil(gone, { seconds: heard ? seconds : 0.5, signal, what })) return true;
    if (!heard) return false;
  }
  return false;
}

async function forceOff({ folder, name, signal }: StopRequest, gone: () => Promise<boolean>): Promise<void> {
  const what = `Stopping machine "${name}"`;
  await withMonitor({ socket: join(folder, inside.monitorSocket), timeoutSeconds: 5, signal }, (qmp) => qmp.execute("quit")).catch(
    () => undefined,
  );
  stopIfAborted(signal, what);
  if (await waitUntil(gone, { seconds: 5, signal, what })) return;
  const found = await findProcess(folder);
  if (found !== undefined) sendSignal(found.processId, "SIGKILL");
  await waitUntil(gone, { seconds: 10, signal, what });
}

/** It ends by itself with QEMU; nothing may be left behind if it does not. */
async function endRecorder({ folder, name, signal }: StopRequest): Promise<void> {
  const path = join(folder, inside.recorderProcessId);
  const processId = await readProcessId(path);
  if (processId === undefined) return;
  const gone = async (): Promise<boolean> =>
    process.platform === "linux" ? !(await commandLine(processId)).includes(machineUuid(folder)) : !isAlive(processId);
  const what = `Stopping machine "${name}"`;
  if (!(await waitUntil(gone, { seconds: 2, signal, what }))) {
    sendSignal(processId, "SIGKILL");
    await waitUntil(gone, { seconds: 2, signal, what });
  }
  await rm(path, { force: true });
}
