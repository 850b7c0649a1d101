/** What the executor knows of its hosts: the last observation of each, and who is unavailable by it. */
import { isAvailable, openLedger, type Ledger, type Refusal } from "./budget.ts";
import type { Clock } from "./clock.ts";
import type { HostDriver } from "./driver.ts";
import type { HostFacts, RolloutRules } from "./fleet.ts";
import { inPool } from "./pool.ts";

export interface FleetViewParts {
  readonly hosts: readonly HostFacts[];
  readonly rules: RolloutRules;
  readonly driver: HostDriver;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly concurrency: number;
}

export class FleetView {
  readonly #parts: FleetViewParts;
  readonly #facts: Map<string, HostFacts>;
  readonly #observedAt: Map<string, number>;
  readonly #taken = new Set<string>();
  readonly #ledger: Ledger;
  #refreshedAt: number;

  constructor(parts: FleetViewParts) {
    this.#parts = parts;
    this.#refreshedAt = parts.clock.now();
    this.#facts = new Map(parts.hosts.map((host) => [host.name, host]));
    this.#observedAt = new Map(parts.hosts.map((host) => [host.name, this.#refreshedAt]));
    this.#ledger = openLedger(parts.rules, parts.hosts);
  }

  all(): readonly HostFacts[] {
    return [...this.#facts.values()];
  }

  get(name: string): HostFacts {
    return this.#facts.get(name) ?? { name, health: "unreachable", labels: {} };
  }

  /** A host that cannot be asked is unreachable; its labels are known from before. */
  async observe(name: string): Promise<HostFacts> {
    const { driver, clock, signal } = this.#parts;
    const known = this.get(name);
    const seen = await driver.observe(name, signal).catch((): HostFacts => {
      if (signal.aborted) return known;
      return { name, health: "unreachable", labels: known.labels, ...(known.last === undefined ? {} : { last: known.last }) };
    });
    this.#observedAt.set(name, clock.now());
    this.learn({ ...seen, name });
    return this.get(name);
  }

  /** What a step has shown of a host counts until it is observed. */
  learn(facts: HostFacts): void {
    this.#facts.set(facts.name, facts);
    this.#record(facts.name);
  }

  /** Observes again whoever was not seen for that long; not those that are being worked on. */
  async refresh(olderThanSeconds: number): Promise<void> {
    const { clock, concurrency } = this.#parts;
    const now = clock.now();
    const old = (since: number): boolean => now - since >= olderThanSeconds * 1000;
    if (!old(this.#refreshedAt)) return;
    const stale = [...this.#observedAt].filter(([name, since]) => old(since) && !this.#taken.has(name)).map(([name]) => name);
    await inPool(stale, concurrency, async (name) => {
      await this.observe(name);
    });
    this.#refreshedAt = now;
  }

  /** From here to `release` the host counts as unavailable, whatever is observed. */
  take(name: string): void {
    this.#taken.add(name);
    this.#record(name);
  }

  holds(name: string): boolean {
    return this.#taken.has(name);
  }

  release(name: string): void {
    this.#taken.delete(name);
    this.#record(name);
  }

  refusal(name: string): Refusal | undefined {
    return this.#ledger.refusal(name);
  }

  /** Who is unavailable now, for messages. */
  unavailable(): readonly HostFacts[] {
    return this.all().filter((host) => this.#taken.has(host.name) || !isAvailable(host));
  }

  #record(name: string): void {
    this.#ledger.record(name, this.#taken.has(name) || !isAvailable(this.get(name)));
  }
}
