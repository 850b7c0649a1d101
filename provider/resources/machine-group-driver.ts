/** The driver of a group's machines as the rollout sees it: what runs is judged by the target whenever it looks. */
import type { Digest } from "../model/digest.ts";
import { hostOf, type GroupTarget } from "./machine-group-target.ts";
import type { MachineDriver } from "./ports.ts";

/**
 * A machine may run the target's image under another digest (that of the index, or of its child). The rollout knows it
 * by the target's, the driver by the one that it was started with.
 */
export function judgedBy(driver: MachineDriver, target: GroupTarget): MachineDriver {
  const running = new Map<string, Digest>();
  const before = new Map<string, Digest>();
  const own = (host: string, digest: Digest, names: ReadonlyMap<string, Digest>): Digest =>
    digest === target.digest ? (names.get(host) ?? digest) : digest;
  return {
    async observe(host, signal) {
      const facts = await driver.observe(host, signal);
      if (facts.booted !== undefined) running.set(host, facts.booted);
      const judged = hostOf(facts, target);
      if (judged.booted !== target.digest) running.delete(host);
      return judged;
    },
    async swap(host, digest, signal) {
      before.set(host, own(host, digest, running));
      running.delete(host);
      await driver.swap(host, digest, signal);
    },
    prepare: (host, digest, signal) => driver.prepare(host, digest, signal),
    confirm: (host, digest, signal) => driver.confirm(host, own(host, digest, running), signal),
    rollBack: (host, to, signal) => driver.rollBack(host, own(host, to, before), signal),
    settle: (host, signal) => driver.settle(host, signal),
  };
}
