/** A machine as it is: its process is looked for and its health asked; nothing is changed. */
import { join } from "node:path";
import type { HealthCheck } from "../model/health-check.ts";
import type { MachineFacts } from "../resources/ports.ts";
import type { Health } from "../rollout/fleet.ts";
import { stopIfAborted } from "./pause.ts";
import { probeOf } from "./qemu-health.ts";
import type { Machine } from "./qemu-machine.ts";
import type { Patience } from "./qemu-patience.ts";
import { findProcess, type MachineProcess } from "./qemu-process.ts";
import type { SshPrograms } from "./qemu-programs.ts";
import { inside, type Boot, type MachineRecord } from "./qemu-record.ts";

export interface Observe {
  readonly machine: Machine;
  readonly ssh: SshPrograms;
  readonly patience: Patience;
  readonly healthCheck: HealthCheck | undefined;
  readonly signal: AbortSignal;
}

export async function observeMachine(request: Observe): Promise<MachineFacts> {
  const { machine } = request;
  const record = await machine.record();
  const found = record?.booted === undefined ? undefined : await findProcess(machine.folder);
  const base = { name: machine.name, labels: {}, console: join(machine.folder, inside.console), ports: record?.booted?.ports ?? {} };
  const { booted } = record ?? {};
  if (record === undefined || booted === undefined || found === undefined) return { ...base, health: "absent", ...lastGood(record) };
  const { previous, staged, settled } = record;
  return {
    ...base,
    health: await askHealth(request, booted, found),
    booted: booted.digest,
    settled,
    processId: found.processId,
    settingsHash: booted.settingsHash,
    diskIdentity: booted.diskIdentity,
    ...(previous && { rollback: previous.digest }),
    ...(staged && { staged: staged.digest }),
  };
}

/** What a machine that does not run would go back to. */
function lastGood(record: MachineRecord | undefined): Pick<MachineFacts, "rollback"> {
  const boot = record?.settled === true ? record.booted : record?.previous;
  return boot === undefined ? {} : { rollback: boot.digest };
}

async function askHealth(request: Observe, { ports }: Boot, { processId, startedAt }: MachineProcess): Promise<Health> {
  const { machine, ssh, patience, healthCheck, signal } = request;
  const asked = { folder: machine.folder, processId, healthCheck };
  const problem = await probeOf(healthCheck, { folder: machine.folder, ports, ssh }).ask(patience.secondsFor(asked), signal);
  stopIfAborted(signal, `Looking at machine "${machine.name}"`);
  patience.learn(asked, problem === undefined);
  if (problem === undefined) return "healthy";
  const age = (Date.now() - startedAt.getTime()) / 1000;
  return age < (healthCheck?.timeoutSeconds ?? 0) ? "restarting" : "unhealthy";
}
