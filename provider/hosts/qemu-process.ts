/** The QEMU process of a machine: found again by any later run, started, and stopped: asked first, then made to. */
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import { derivedUuid } from "../model/derived-uuid.ts";
import { pause, stopIfAborted, waitUntil } from "./pause.ts";
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
  const [text, status] = await Promise.all([readFile(path, "utf8").catch(() => ""), stat(path).catch(() => undefined)]);
  const processId = Number.parseInt(text, 10);
  if (status === undefined || !(processId > 1) || !(await hasArgument(processId, machineUuid(folder)))) return undefined;
  return { processId, startedAt: status.mtime };
}

/** Whether a process lives and has the text among its arguments. Without /proc, living must do. */
export async function hasArgument(processId: number, argument: string): Promise<boolean> {
  if (process.platform !== "linux") return isAlive(processId);
  const line = await readFile(`/proc/${processId}/cmdline`, "utf8").catch(() => "");
  return line.split("\0").includes(argument);
}

function isAlive(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch {
    return false;
  }
}

export function sendSignal(processId: number, signal: NodeJS.Signals): void {
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
  const text = await readFile(join(folder, inside.recorderProcessId), "utf8").catch(() => "");
  const processId = Number.parseInt(text, 10);
  if (!(processId > 1)) return;
  const gone = async (): Promise<boolean> => !(await hasArgument(processId, machineUuid(folder)));
  if (await waitUntil(gone, { seconds: 2, signal, what: `Stopping machine "${name}"` })) return;
  sendSignal(processId, "SIGKILL");
  await pause(50, signal, `Stopping machine "${name}"`);
}
