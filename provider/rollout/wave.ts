/** One wave: hosts in their order, as many at once as all budgets allow. */
import type { Failure } from "../failure.ts";
import { attempt } from "./attempt.ts";
import { needOf, type Step, type StepKind, type Wave } from "./plan.ts";
import { failureOf, type Run } from "./run.ts";

export async function runWave(run: Run, wave: Wave): Promise<void> {
  const ahead = new Preparations(run);
  try {
    await new WaveRun(run, wave, ahead).work();
  } finally {
    await ahead.stop();
  }
}

/** Work ahead of the slots: it costs no availability, so that a slot holds a host no longer than its restart. */
class Preparations {
  readonly #run: Run;
  readonly #abort = new AbortController();
  readonly #started = new Map<string, Promise<Failure | undefined>>();

  constructor(run: Run) {
    this.#run = run;
  }

  start(steps: readonly Step[]): void {
    for (const { host, kind } of steps) if (kind !== "check" && !this.#started.has(host)) this.#started.set(host, this.#prepare(host));
  }

  async finish(step: Step): Promise<Failure | undefined> {
    this.start([step]);
    return this.#started.get(step.host);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await Promise.all(this.#started.values());
  }

  #prepare(host: string): Promise<Failure | undefined> {
    const signal = AbortSignal.any([this.#run.signal, this.#abort.signal]);
    this.#run.progress(host, "preparing");
    return failureOf(this.#run.driver.prepare(host, this.#run.target, signal));
  }
}

class WaveRun {
  readonly #run: Run;
  readonly #wave: Wave;
  readonly #ahead: Preparations;
  readonly #queue: Step[];
  readonly #working = new Map<string, Promise<void>>();
  #lookedForRoom = false;

  constructor(run: Run, wave: Wave, ahead: Preparations) {
    this.#run = run;
    this.#wave = wave;
    this.#ahead = ahead;
    this.#queue = [...wave.steps];
  }

  async work(): Promise<void> {
    while (this.#queue.length > 0 && !this.#run.stopping) {
      const next = this.#nextAdmitted();
      if (next !== undefined) await this.#admit(next);
      else if (this.#working.size > 0) await Promise.race(this.#working.values());
      else if (!(await this.#roomAfterAll())) this.#run.stop ??= { kind: "blocked", host: this.#queue[0]?.host ?? "" };
    }
    await Promise.all(this.#working.values());
  }

  /** Hosts that were down may have come back by themselves. Asked once per host that moved, so that it ends. */
  async #roomAfterAll(): Promise<boolean> {
    if (this.#lookedForRoom) return false;
    this.#lookedForRoom = true;
    await this.#run.view.refresh(0);
    return this.#nextAdmitted() !== undefined;
  }

  /** The first in order whose budgets have room by what is known; nobody overtakes but where a label's budget is full. */
  #nextAdmitted(): Step | undefined {
    if (this.#working.size >= this.#wave.atOnce) return undefined;
    return this.#queue.find((step) => this.#hasRoom(step));
  }

  /** Looking at a host takes nothing down. */
  #hasRoom({ host, kind }: Step): boolean {
    return kind === "check" || this.#run.view.refusal(host) === undefined;
  }

  async #admit(step: Step): Promise<void> {
    const { view } = this.#run;
    this.#ahead.start([step, ...this.#queue.slice(0, this.#wave.atOnce)]);
    const failure = await this.#ahead.finish(step);
    if (this.#run.stopping) return;
    if (failure !== undefined) {
      this.#leave(step);
      this.#run.conclude(step.host, { kind: "untouched", reason: failure });
      return this.#run.fail({ host: step.host, reason: failure, rejects: false });
    }
    if (step.kind === "swap") await view.refresh(this.#run.request.freshSeconds ?? 30);
    await view.observe(step.host);
    // What was seen may leave no room: then the step waits in the queue.
    if (this.#run.stopping || !this.#hasRoom(step)) return;
    this.#leave(step);
    this.#begin(step);
  }

  #leave(step: Step): void {
    this.#lookedForRoom = false;
    this.#queue.splice(this.#queue.indexOf(step), 1);
  }

  /** No await between the look at the budgets and the slot being taken. */
  #begin(step: Step): void {
    const run = this.#run;
    const before = run.view.get(step.host);
    const kind = this.#kindNow(step);
    if (kind === undefined) return;
    if (this.#wave.kind === "canary" && kind === "swap" && before.health !== "healthy") {
      run.stop = { kind: "canary-lost", host: step.host };
      return;
    }
    if (kind !== "check") run.view.take(step.host);
    const working = attempt(run, kind, before).finally(() => {
      run.view.release(step.host);
      this.#working.delete(step.host);
    });
    this.#working.set(step.host, working);
  }

  /** Reality may have moved on since the plan was made. */
  #kindNow(step: Step): StepKind | undefined {
    const { host } = step;
    const need = needOf(this.#run.view.get(host), this.#run.target);
    if (step.kind === "check" && need === undefined) return "check";
    if (need === undefined) this.#run.conclude(host, { kind: "unchanged" });
    else if ("postponed" in need) this.#run.conclude(host, { kind: "pending", reason: need.postponed.reason });
    else if (step.kind === "check" && need.step.kind !== "check") this.#run.conclude(host, { kind: "pending", reason: need.step.reason });
    else return need.step.kind;
    return undefined;
  }
}
