/** Starts a machine on one of its boots and waits until QEMU answers. */
import { chmod, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import type { StartDetached } from "../model/program.ts";
import type { Firmware, VirtualMachine } from "../model/virtual-machine.ts";
import type { Acceleration } from "./qemu-accelerator.ts";
import { lastLines, startRecorder } from "./qemu-console.ts";
import { dataDiskFile, firmwareVariables, type FilesRequest } from "./qemu-files.ts";
import { findProcess, machineUuid } from "./qemu-process.ts";
import { inside, machineFolder, type Boot } from "./qemu-record.ts";
import { stopIfAborted, waitUntil } from "./pause.ts";
import { withMonitor } from "./qmp.ts";

export interface Start extends FilesRequest {
  readonly boot: Boot;
  readonly firmware: Firmware;
  readonly accelerator: Acceleration["accelerator"];
  readonly startDetached: StartDetached;
}

const answerSeconds = 30;

export async function startProcess(start: Start): Promise<void> {
  const { places, machine, qemu, firmware, signal } = start;
  const folder = machineFolder(places, machine);
  for (const name of [inside.processId, inside.monitorSocket, inside.messages]) await rm(join(folder, name), { force: true });
  await firmwareVariables(folder, firmware.variables, start);
  await chmod(join(folder, inside.variables), 0o600);
  stopIfAborted(signal, `Starting machine "${machine}"`);
  await startRecorder(start.startDetached, folder, machine);
  await qemu.start(virtualMachine(start, folder), folder, join(folder, inside.messages));
  await awaitAnswer(start, folder);
}

function virtualMachine({ places, machine, boot, firmware, accelerator }: Start, folder: string): VirtualMachine {
  return {
    name: machine,
    uuid: machineUuid(folder),
    architecture: boot.architecture,
    accelerator,
    memoryBytes: boot.memoryBytes,
    cpus: boot.cpus,
    firmwareCode: firmware.code,
    firmwareVariables: inside.variables,
    systemDisk: boot.overlay,
    dataDisks: boot.dataDisks.map((name) => ({ name, file: dataDiskFile(places, machine, name) })),
    forwards: Object.entries(boot.ports).map(([guestPort, hostPort]) => ({ guestPort: Number(guestPort), hostPort })),
    credentials: boot.credentials,
    consoleSocket: inside.consoleSocket,
    monitorSocket: inside.monitorSocket,
    processIdFile: inside.processId,
  };
}

/** Looks one after the other that may miss a process that is there. */
const mostMissed = 3;

/** QEMU has checked its arguments, opened the disks and bound the ports when it answers. */
async function awaitAnswer({ machine, signal }: Start, folder: string): Promise<void> {
  const monitor = { socket: join(folder, inside.monitorSocket), timeoutSeconds: 5, signal };
  let ended = false;
  let missed = 0;
  const answers = async (): Promise<boolean> => {
    // In the middle of its start a program has no arguments for a moment, so one look that misses it says little [ran].
    missed = (await findProcess(folder)) === undefined ? missed + 1 : 0;
    ended = missed >= mostMissed;
    if (ended || missed > 0) return ended;
    return withMonitor(monitor, (qmp) => qmp.execute("query-status")).then(
      () => true,
      () => false,
    );
  };
  const answered = await waitUntil(answers, { seconds: answerSeconds, signal, what: `Starting machine "${machine}"` });
  if (answered && !ended) return;
  const messages = lastLines(await readFile(join(folder, inside.messages), "utf8").catch(() => ""));
  const seen = ended ? "ended right away" : `did not answer within ${answerSeconds} s`;
  const message = `Machine "${machine}" could not be started: QEMU ${seen}. Its disks and its record are kept.`;
  throw new Failure({ kind: "tool", code: "not-started", message, ...(messages === "" ? {} : { detail: messages }) });
}
