/** A fleet in memory behind the HostDriver port: hosts with faults, a clock of its own, and a checker that watches every event. */
import { Failure } from "../../provider/failure.ts";
import type { Digest } from "../../provider/model/digest.ts";
import { unavailableLimit } from "../../provider/rollout/budget.ts";
import type { Clock } from "../../provider/rollout/clock.ts";
import type { Confirmation, HostDriver } from "../../provider/rollout/driver.ts";
import type { Health, HostFacts, RolloutRules } from "../../provider/rollout/fleet.ts";

/** How a host behaves on the target. */
export type Fault =
  | "none"
  /** Comes up, its service does not. */
  | "unhealthy"
  /** Never answers again. */
  | "silent"
  /** The swap throws before anything was done. */
  | "swap-fails"
  /** The swap throws when the target is armed and the host not restarted. */
  | "stays-armed"
  /** Goes down in the middle of the swap, which throws. */
  | "dies-in-swap"
  | "prepare-fails"
  /** Confirmed, and unhealthy a second later. */
  | "dies-later"
  /** Unhealthy on the target, and again after it was put back. */
  | "rollback-fails"
  /** Goes back to what it ran by itself, as hosts with a dead-man do. */
  | "returns-by-itself";

export interface SimulatedHost {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly last?: boolean;
  readonly fault: Fault;
  health: Health;
  booted: Digest | undefined;
  staged?: Digest | undefined;
  rollback?: Digest | undefined;
  settled: boolean;
  mustRestart?: boolean;
  /** Was unhealthy before and stays so on every image. */
  readonly broken?: boolean;
  /** Died by itself; from when on that could be known, in ticks of the simulator. */
  deathSeenAt?: number | undefined;
}

export interface Event {
  readonly host: string;
  readonly step: "prepare" | "swap" | "confirm" | "rollBack" | "settle";
}

/** The death of the provider's process: no later call has any effect. */
export class Crash extends Error {}

export class SimulatedFleet implements HostDriver {
  readonly hosts: Map<string, SimulatedHost>;
  readonly events: Event[] = [];
  readonly violations: string[] = [];
  readonly clock: Clock;
  /** Called before each effect with its number; may throw a Crash or abort a signal. */
  beforeEffect: (effect: number) => void = () => undefined;
  effects = 0;
  #ticks = 0;
  readonly #rules: RolloutRules;
  readonly #target: Digest;
  #milliseconds = 1_700_000_000_000;
  #crashed = false;
  #seed: number;
  #deaths: number;

  constructor(options: { hosts: readonly SimulatedHost[]; rules: RolloutRules; target: Digest; seed?: number; deaths?: number }) {
    this.hosts = new Map(options.hosts.map((host) => [host.name, { ...host }]));
    this.#rules = options.rules;
    this.#target = options.target;
    this.#seed = options.seed ?? 1;
    this.#deaths = options.deaths ?? 0;
    this.clock = {
      now: () => this.#milliseconds,
      sleep: async (seconds, signal) => {
        await Promise.resolve();
        if (signal.aborted) throw new Error("aborted");
        this.#milliseconds += seconds * 1000;
        this.#age();
      },
    };
  }

  /** A new process looks at the same hosts. */
  revive(): void {
    this.#crashed = false;
    this.beforeEffect = () => undefined;
  }

  facts(): HostFacts[] {
    return [...this.hosts.values()].map((host) => this.#factsOf(host));
  }

  async observe(name: string, signal: AbortSignal): Promise<HostFacts> {
    await this.#interleave(signal);
    const host = this.#host(name);
    if (host.deathSeenAt === Infinity) host.deathSeenAt = this.#ticks;
    if (host.health === "unreachable") throw new Failure({ kind: "remote", message: `${name} does not answer.` });
    return this.#factsOf(host);
  }

  async prepare(name: string, _target: Digest, signal: AbortSignal): Promise<void> {
    await this.#effect({ host: name, step: "prepare" }, signal);
    if (this.#host(name).fault === "prepare-fails") throw new Failure({ kind: "tool", message: `${name} has no room for the image.` });
  }

  async swap(name: string, target: Digest, signal: AbortSignal): Promise<void> {
    const host = this.#host(name);
    const decidedAt = this.#ticks;
    await this.#effect({ host: name, step: "swap" }, signal);
    if (host.fault === "swap-fails") throw new Failure({ kind: "remote", message: `${name} refused the image.` });
    host.staged = target;
    if (host.fault === "stays-armed") throw new Failure({ kind: "remote", message: `${name} did not restart.` });
    await this.#effect({ host: name, step: "swap" }, signal);
    this.#takeDown(host, decidedAt);
    if (host.fault === "dies-in-swap") throw new Failure({ kind: "remote", message: `${name} went away.` });
    host.rollback = host.booted;
    host.booted = target;
    host.staged = undefined;
    host.settled = false;
    host.mustRestart = false;
  }

  async confirm(name: string, target: Digest, signal: AbortSignal): Promise<Confirmation> {
    await this.#interleave(signal);
    const host = this.#host(name);
    this.#milliseconds += 5000;
    this.#killSomebody();
    if (host.health === "restarting") Object.assign(host, { health: this.#healthOn(host), deathSeenAt: undefined });
    if (host.health === "unreachable") return { kind: "unconfirmed", reason: reason(`${name} did not answer within 600 s`) };
    if (host.booted !== target) return { kind: "unconfirmed", reason: reason(`${name} came up with another image`) };
    return host.health === "healthy" ? { kind: "confirmed" } : { kind: "unhealthy", reason: reason(`${name} answered 503 on port 80`) };
  }

  async rollBack(name: string, to: Digest, signal: AbortSignal): Promise<Confirmation> {
    const host = this.#host(name);
    const decidedAt = this.#ticks;
    await this.#effect({ host: name, step: "rollBack" }, signal);
    host.staged = undefined;
    if (host.booted === to && host.rollback !== to && host.health === "healthy") return { kind: "confirmed" };
    this.#takeDown(host, decidedAt);
    await this.#effect({ host: name, step: "rollBack" }, signal);
    if (host.fault === "rollback-fails") {
      host.health = "unreachable";
      return { kind: "unconfirmed", reason: reason(`${name} did not come back`) };
    }
    if (host.booted === to && host.rollback === to) host.mustRestart = true;
    host.booted = to;
    host.rollback = undefined;
    host.settled = true;
    return this.confirm(name, to, signal);
  }

  async settle(name: string, signal: AbortSignal): Promise<void> {
    await this.#effect({ host: name, step: "settle" }, signal);
    Object.assign(this.#host(name), { rollback: undefined, settled: true });
  }

  #healthOn(host: SimulatedHost): Health {
    if (host.broken === true) return "unhealthy";
    if (host.booted !== this.#target || host.mustRestart === true) return "healthy";
    if (host.fault === "returns-by-itself") {
      Object.assign(host, { booted: host.rollback, rollback: undefined, settled: true });
      return host.booted === undefined ? "absent" : "healthy";
    }
    if (host.fault === "silent") return "unreachable";
    return host.fault === "unhealthy" || host.fault === "rollback-fails" ? "unhealthy" : "healthy";
  }

  /** What shows only after a while. */
  #age(): void {
    for (const host of this.hosts.values()) {
      if (host.fault === "dies-later" && host.booted === this.#target && host.health === "healthy") host.health = "unhealthy";
    }
  }

  /** Hosts die by themselves, too, while others are being worked on. */
  #killSomebody(): void {
    const victim = [...this.hosts.values()][this.#random(this.hosts.size)];
    if (this.#deaths === 0 || this.#random(3) > 0 || victim?.health !== "healthy") return;
    this.#deaths -= 1;
    Object.assign(victim, { health: "unhealthy", deathSeenAt: Infinity });
  }

  /** The one place where a working host goes down by our hand; budgets are checked against the truth. */
  #takeDown(host: SimulatedHost, decidedAt: number): void {
    const worked = host.health === "healthy";
    host.health = "restarting";
    if (!worked) return;
    // Whose death was not seen before the decision could not count.
    const all = [...this.hosts.values()].filter((other) => (other.deathSeenAt ?? 0) <= decidedAt);
    this.#checkBudget("the fleet", all, unavailableLimit(this.#rules.maxUnavailable, this.hosts.size));
    for (const [label, limit] of Object.entries(this.#rules.perLabel ?? {})) {
      const peers = all.filter((other) => other.labels[label] === host.labels[label]);
      this.#checkBudget(`${label} ${host.labels[label]}`, peers, limit);
    }
  }

  #checkBudget(group: string, hosts: readonly SimulatedHost[], limit: number): void {
    const down = hosts.filter((host) => host.health !== "healthy").map((host) => host.name);
    if (down.length > limit) this.violations.push(`${down.join(", ")} of ${group} are down, at most ${limit} may be`);
  }

  #host(name: string): SimulatedHost {
    const host = this.hosts.get(name);
    if (host === undefined) throw new Error(`the executor asked for ${name}, which is no host`);
    return host;
  }

  #factsOf({ name, labels, last, health, booted, staged, rollback, settled, mustRestart }: SimulatedHost): HostFacts {
    if (health === "unreachable") return { name, labels, health, ...(last === undefined ? {} : { last }) };
    return {
      name,
      labels,
      health,
      settled,
      ...(last === undefined ? {} : { last }),
      ...(booted === undefined ? {} : { booted }),
      ...(staged === undefined ? {} : { staged }),
      ...(rollback === undefined ? {} : { rollback }),
      ...(mustRestart === undefined ? {} : { mustRestart }),
    };
  }

  /** Effects take longer than questions, so that others are asked and decided about in their midst. */
  async #effect(event: Event, signal: AbortSignal): Promise<void> {
    await this.#interleave(signal, event.step === "settle" ? 4 : 60);
    this.beforeEffect(this.effects);
    this.effects += 1;
    this.events.push(event);
    this.#milliseconds += 1000;
  }

  /** Yields a random number of turns, so that concurrent steps meet in every order. */
  async #interleave(signal: AbortSignal, most = 4): Promise<void> {
    for (let turns = this.#random(most); turns >= 0; turns -= 1) await Promise.resolve();
    if (this.#crashed) throw new Crash();
    if (signal.aborted) throw new Failure({ kind: "environment", code: "cancelled", message: "The step was cancelled." });
  }

  #random(below: number): number {
    this.#ticks += 1;
    this.#seed = (Math.imul(this.#seed, 1_103_515_245) + 12_345) >>> 0;
    return (this.#seed >>> 16) % below;
  }

  crash(): never {
    this.#crashed = true;
    throw new Crash();
  }
}

function reason(message: string): Failure {
  return new Failure({ kind: "remote", message: `${message}.` });
}
