/** Machines in memory behind the Machines port, with the habits of the real ones: a record before each start, a way back until settled. */
import { createHash } from "node:crypto";
import { Failure } from "../../provider/failure.ts";
import type { Digest } from "../../provider/model/digest.ts";
import type { MachineSettings } from "../../provider/model/machine.ts";
import type {
  MachineDriver,
  MachineFacts,
  MachineGroupPort,
  Machines,
  MachineTarget,
  RememberedGroup,
} from "../../provider/resources/ports.ts";
import type { Confirmation } from "../../provider/rollout/driver.ts";
import type { Effects } from "./effects.ts";

interface Boot {
  readonly digest: Digest;
  readonly diskIdentity: string;
  readonly settingsHash: string;
  readonly ports: Readonly<Record<string, number>>;
}

export interface FakeMachine {
  booted?: Boot | undefined;
  previous?: Boot | undefined;
  staged?: Boot | undefined;
  settled: boolean;
  running: boolean;
}

export class FakeMachines implements Machines {
  /** By group key, then by name. */
  readonly groups = new Map<string, Map<string, FakeMachine>>();
  /** Images whose service does not start. */
  readonly broken = new Set<Digest>();
  remark: string | undefined;
  missing: Failure | undefined;
  unreadable: Failure | undefined;
  strangers: Failure | undefined;
  /** By group key, as JSON text. */
  readonly memories = new Map<string, string>();
  elsewhere: string | undefined;
  forgetful: Error | undefined;
  readonly #effects: Effects;
  #nextPort = 40_000;

  constructor(effects: Effects) {
    this.#effects = effects;
  }

  preflight(): ReturnType<Machines["preflight"]> {
    this.#effects.live();
    if (this.missing !== undefined) return Promise.reject(this.missing);
    return Promise.resolve({ accelerator: "tcg", ...(this.remark === undefined ? {} : { remark: this.remark }) });
  }

  settingsHash(settings: MachineSettings): string {
    return createHash("sha256").update(JSON.stringify(settings)).digest("hex");
  }

  /** `kiosk-1 9f2c… running`, for tests. */
  summary(): string[] {
    const all = [...this.groups.values()].flatMap((group) => [...group]);
    return all.map(
      ([name, { booted, running }]) => `${name} ${booted?.digest.slice(7, 11) ?? "nothing"} ${running ? "running" : "stopped"}`,
    );
  }

  kill(name: string): void {
    for (const group of this.groups.values()) if (group.has(name)) Object.assign(group.get(name) ?? {}, { running: false });
  }

  list(): ReturnType<Machines["list"]> {
    const keys = [...new Set([...this.groups.keys(), ...this.memories.keys()])].toSorted();
    return Promise.resolve({ directory: "/state/qemu", keys });
  }

  group(key: string): MachineGroupPort {
    const machines = (): Map<string, FakeMachine> => {
      this.#effects.live();
      const known = this.groups.get(key) ?? new Map<string, FakeMachine>();
      this.groups.set(key, known);
      return known;
    };
    return {
      observe: (_check, signal) => {
        if (signal.aborted) return Promise.reject(signal.reason as Error);
        if (this.unreadable !== undefined) return Promise.reject(this.unreadable);
        return Promise.resolve().then(() => [...machines()].map(([name, machine]) => this.#facts(name, machine)));
      },
      remember: async (told) => {
        await Promise.resolve();
        if (this.forgetful !== undefined) throw this.forgetful;
        this.memories.set(key, JSON.stringify(told));
        this.#effects.happened("remember group");
      },
      recall: async () => {
        await Promise.resolve();
        const memory = this.memories.get(key);
        if (memory === undefined) return undefined;
        return { ...(JSON.parse(memory) as RememberedGroup), ...(this.elsewhere === undefined ? {} : { elsewhere: this.elsewhere }) };
      },
      refuseStrangers: () => (this.strangers === undefined ? Promise.resolve() : Promise.reject(this.strangers)),
      driver: (target) => this.#driver(machines, target),
      remove: async (name, { dataDisks }) => {
        await Promise.resolve();
        if (machines().delete(name)) this.#effects.happened(`remove ${name}${dataDisks ? " and its data" : ""}`);
      },
      removeGroup: async () => {
        await Promise.resolve();
        if (machines().size > 0) throw new Failure({ kind: "bug", message: `The group ${key} still has machines.` });
        this.groups.delete(key);
        this.memories.delete(key);
        this.#effects.happened("remove group");
      },
    };
  }

  #facts(name: string, { booted, previous, staged, settled, running }: FakeMachine): MachineFacts {
    const base = { name, labels: {}, console: `/state/${name}/console.log`, ports: booted?.ports ?? {} };
    const back = settled ? booted : previous;
    if (booted === undefined || !running) return { ...base, health: "absent", ...(back && { rollback: back.digest }) };
    return {
      ...base,
      health: this.broken.has(booted.digest) ? "unhealthy" : "healthy",
      booted: booted.digest,
      settled,
      settingsHash: booted.settingsHash,
      diskIdentity: booted.diskIdentity,
      ...(previous && { rollback: previous.digest }),
      ...(staged && { staged: staged.digest }),
    };
  }

  #driver(machines: () => Map<string, FakeMachine>, target: MachineTarget): MachineDriver {
    const machine = (host: string): FakeMachine => {
      const known = machines().get(host) ?? { settled: false, running: false };
      machines().set(host, known);
      return known;
    };
    const confirm = async (host: string, digest: Digest): Promise<Confirmation> => {
      await Promise.resolve();
      const { booted, running } = machine(host);
      if (!running || booted?.digest !== digest) return { kind: "unconfirmed", reason: told(`Machine "${host}" runs something else.`) };
      if (!this.broken.has(digest)) return { kind: "confirmed" };
      return { kind: "unhealthy", reason: told(`Machine "${host}" did not come up on ${digest.slice(7, 19)}.`) };
    };
    return {
      observe: async (host) => {
        await Promise.resolve();
        return this.#facts(host, machine(host));
      },
      prepare: async (host, digest) => {
        await this.#stage(machine(host), { host, digest, target });
        this.#effects.happened(`prepare ${host}`);
      },
      swap: async (host, digest) => {
        const boot = await this.#stage(machine(host), { host, digest, target });
        const known = machine(host);
        known.running = false;
        this.#effects.happened(`stop ${host}`);
        const back = known.settled ? known.booted : known.previous;
        Object.assign(known, { booted: boot, previous: back, staged: undefined, settled: false, running: true });
        this.#effects.happened(`start ${host} on ${digest.slice(7, 11)}`);
      },
      confirm,
      rollBack: async (host, to) => {
        const known = machine(host);
        if (known.previous?.digest === to && !known.settled) {
          Object.assign(known, { booted: known.previous, previous: undefined, staged: undefined, settled: true, running: true });
        } else if (known.booted?.digest === to) Object.assign(known, { staged: undefined, running: true });
        else return { kind: "unconfirmed", reason: told(`Machine "${host}" no longer keeps ${to.slice(7, 19)}.`) };
        this.#effects.happened(`put ${host} back`);
        return confirm(host, to);
      },
      settle: async (host) => {
        await Promise.resolve();
        Object.assign(machine(host), { previous: undefined, staged: undefined, settled: true });
        this.#effects.happened(`settle ${host}`);
      },
    };
  }

  async #stage(known: FakeMachine, { host, digest, target }: { host: string; digest: Digest; target: MachineTarget }): Promise<Boot> {
    const disk = await target.disk();
    const settings = target.settings[host];
    if (settings === undefined) throw new Failure({ kind: "bug", message: `${host} has no settings.` });
    const kept = known.booted?.ports ?? known.staged?.ports ?? {};
    const ports = Object.fromEntries(
      Object.entries(settings.ports).map(([guest, port]) => [guest, port ?? kept[guest] ?? this.#nextPort++]),
    );
    const boot = { digest, diskIdentity: disk.identity, settingsHash: this.settingsHash(settings), ports };
    known.staged = boot;
    return boot;
  }
}

function told(message: string): Failure {
  return new Failure({ kind: "remote", message, detail: "last lines of its console:\nFailed to start web.service." });
}
