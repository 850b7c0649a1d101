/** The machines of one group as hosts of a rollout. */
import { join } from "node:path";
import { cancelled, Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import { shortDigest } from "../model/digest.ts";
import type { HealthCheck } from "../model/health-check.ts";
import { formatImageReference } from "../model/image-reference.ts";
import type { MachineDriver, MachineTarget } from "../resources/ports.ts";
import type { Confirmation } from "../rollout/driver.ts";
import { pause } from "./pause.ts";
import { consoleTail } from "./qemu-console.ts";
import { probeOf, type Probe } from "./qemu-health.ts";
import type { Machine, Wanted } from "./qemu-machine.ts";
import { observeMachine } from "./qemu-observe.ts";
import type { Patience } from "./qemu-patience.ts";
import { findProcess } from "./qemu-process.ts";
import type { SshPrograms } from "./qemu-programs.ts";
import { inside, type Boot } from "./qemu-record.ts";

export interface DriverParts {
  readonly machine: (name: string) => Machine;
  readonly ssh: SshPrograms;
  readonly patience: Patience;
  /** Taken before anything is changed. */
  readonly hold: (signal: AbortSignal) => Promise<void>;
}

/** A question may take that long; questions overlap, so a slow one holds up no other. */
const askSeconds = 10;

export function qemuDriver({ machine, ssh, patience, hold }: DriverParts, target: MachineTarget): MachineDriver {
  const { report } = target;
  let disk: ReturnType<MachineTarget["disk"]> | undefined;
  const makeDisk: MachineTarget["disk"] = () => {
    disk ??= target.disk().catch((thrown: unknown) => {
      disk = undefined;
      throw thrown;
    });
    return disk;
  };
  const wanted = (host: string, digest: Digest): Wanted => {
    const settings = target.settings[host];
    if (settings === undefined) throw new Failure({ kind: "bug", message: `Machine "${host}" has no settings.` });
    return { digest, image: formatImageReference(target.image), settings, disk: makeDisk, report };
  };
  const confirm = (host: string, digest: Digest, signal: AbortSignal): Promise<Confirmation> =>
    confirmMachine({ machine: machine(host), ssh, patience, healthCheck: target.healthCheck, digest, signal });
  return {
    observe: (host, signal) => observeMachine({ machine: machine(host), ssh, patience, healthCheck: target.healthCheck, signal }),
    prepare: async (host, digest, signal) => {
      await hold(signal);
      await machine(host).prepare(wanted(host, digest), signal);
    },
    swap: async (host, digest, signal) => {
      await hold(signal);
      await machine(host).swap(wanted(host, digest), signal);
    },
    confirm,
    rollBack: async (host, to, signal) => {
      await hold(signal);
      if (!(await machine(host).goBack(to, { report, signal }))) return { kind: "unconfirmed", reason: noWayBack(host, to) };
      if ((await findProcess(machine(host).folder)) === undefined) await machine(host).restart({ report, signal });
      return confirm(host, to, signal);
    },
    settle: async (host, signal) => {
      await hold(signal);
      await machine(host).settle();
    },
  };
}

function noWayBack(host: string, to: Digest): Failure {
  return new Failure({ kind: "environment", message: `Machine "${host}" no longer keeps ${shortDigest(to)}, so it was left as it is.` });
}

interface Confirm {
  readonly machine: Machine;
  readonly ssh: SshPrograms;
  readonly patience: Patience;
  readonly healthCheck: HealthCheck | undefined;
  readonly digest: Digest;
  readonly signal: AbortSignal;
}

async function confirmMachine(request: Confirm): Promise<Confirmation> {
  const { machine, ssh, patience, healthCheck, digest, signal } = request;
  const booted = (await machine.record())?.booted;
  if (booted?.digest !== digest) return { kind: "unconfirmed", reason: otherImage(machine, booted, digest) };
  const probe = probeOf(healthCheck, { folder: machine.folder, ports: booted.ports, ssh });
  const seen = await watch(request, probe);
  const found = signal.aborted ? undefined : await findProcess(machine.folder);
  if (found !== undefined) patience.learn({ folder: machine.folder, processId: found.processId, healthCheck }, seen === "healthy");
  if (seen === "healthy") return { kind: "confirmed" };
  if (signal.aborted) return { kind: "unconfirmed", reason: cancelled(`Waiting for machine "${machine.name}"`) };
  const reason = await notUp(request, seen === "ended" ? "its process has ended" : `${probe.subject} ${seen.problem}`);
  return { kind: "unhealthy", reason };
}

type Seen = "healthy" | "ended" | { readonly problem: string };

/** Asks again and again until one answer is good, the process ends, or the time is over. */
async function watch({ machine, healthCheck, signal }: Confirm, probe: Probe): Promise<Seen> {
  const seconds = healthCheck?.timeoutSeconds ?? 0;
  const deadline = performance.now() + seconds * 1000;
  const over = new AbortController();
  const asking = AbortSignal.any([signal, over.signal]);
  let problem = "did not answer";
  let healthy = false;
  const ask = async (): Promise<void> => {
    const seen = await probe.ask(askSeconds, asking);
    if (over.signal.aborted) return;
    if (seen === undefined) healthy = true;
    else problem = seen;
  };
  try {
    for (;;) {
      if ((await findProcess(machine.folder)) === undefined) return "ended";
      const question = ask();
      await Promise.race([question, pause(interval(healthCheck), signal, "Waiting").catch(() => undefined)]);
      if (healthy) return "healthy";
      if (signal.aborted) return { problem };
      if (performance.now() >= deadline) return { problem };
      await pause(interval(healthCheck), signal, "Waiting").catch(() => undefined);
    }
  } finally {
    over.abort();
  }
}

function interval(healthCheck: HealthCheck | undefined): number {
  return Math.max(0.2, healthCheck?.intervalSeconds ?? 1) * 500;
}

function otherImage({ name }: Machine, booted: Boot | undefined, digest: Digest): Failure {
  const runs = booted === undefined ? "was never started" : `was started on ${shortDigest(booted.digest)}`;
  return new Failure({ kind: "environment", message: `Machine "${name}" ${runs}, not on ${shortDigest(digest)}.` });
}

async function notUp({ machine, healthCheck, digest }: Confirm, seen: string): Promise<Failure> {
  const within = healthCheck === undefined ? "" : ` within ${healthCheck.timeoutSeconds} s`;
  const tail = await consoleTail(machine.folder);
  return new Failure({
    kind: "remote",
    message: `Machine "${machine.name}" did not come up on ${shortDigest(digest)}${within}: ${seen}.`,
    detail: tail === "" ? "Nothing was written to its console." : `last lines of its console:\n${tail}`,
    fix: `look at its whole console in ${join(machine.folder, inside.console)}.`,
  });
}
