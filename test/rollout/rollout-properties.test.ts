/** Thousands of random fleets with random faults, against a simulator that checks the budgets at every event. */
import * as fc from "fast-check";
import { expect, test, vi } from "vitest";
import { executeRollout } from "../../provider/rollout/execute.ts";
import type { OnFailure, RolloutRules } from "../../provider/rollout/fleet.ts";
import type { Outcome, RolloutResult } from "../../provider/rollout/result.ts";
import { newImage, oldImage } from "../fakes/fleets.ts";
import { SimulatedFleet, type Fault, type SimulatedHost } from "../fakes/simulated-fleet.ts";

// Seconds when the computer is idle.
vi.setConfig({ testTimeout: 120_000 });

/** Some 2500 fleets; BOOTABLE_TEST_EFFORT=20 for a night. */
const effort = Number(process.env["BOOTABLE_TEST_EFFORT"] ?? 1);

const faults: readonly Fault[] = [
  "unhealthy",
  "silent",
  "swap-fails",
  "stays-armed",
  "dies-in-swap",
  "prepare-fails",
  "dies-later",
  "rollback-fails",
  "returns-by-itself",
];

interface Scenario {
  readonly hosts: readonly SimulatedHost[];
  readonly rules: RolloutRules;
  readonly seed: number;
  readonly concurrency: number;
  readonly freshSeconds: number;
}

interface Choice {
  readonly faults: fc.Arbitrary<Fault>;
  readonly health?: fc.Arbitrary<SimulatedHost["health"]>;
  readonly onFailure?: fc.Arbitrary<OnFailure>;
  readonly maxUnavailable?: fc.Arbitrary<number | string>;
  readonly failureBudget?: fc.Arbitrary<number>;
}

const mostlyGood = fc.oneof({ weight: 4, arbitrary: fc.constant<Fault>("none") }, { weight: 1, arbitrary: fc.constantFrom(...faults) });
const mostlyHealthy = fc.oneof(
  { weight: 6, arbitrary: fc.constant<SimulatedHost["health"]>("healthy") },
  { weight: 1, arbitrary: fc.constantFrom<SimulatedHost["health"]>("unhealthy", "unreachable", "absent", "restarting") },
);

function anyScenario(choice: Choice): fc.Arbitrary<Scenario> {
  const host = fc.record({
    fault: choice.faults,
    health: choice.health ?? fc.constant<SimulatedHost["health"]>("healthy"),
    site: fc.constantFrom("oslo", "rome", undefined),
    last: fc.boolean(),
    mustRestart: fc.integer({ max: 5, min: 0 }).map((one) => one === 0),
  });
  const hosts = fc.array(host, { minLength: 1, maxLength: 9 }).map((list) =>
    list.map(({ site, mustRestart, health, ...one }, index): SimulatedHost => {
      const settings = mustRestart && health === "healthy";
      const booted = health === "absent" && index % 2 === 0 ? undefined : settings ? newImage : oldImage;
      const broken = health === "unhealthy" && one.fault !== "none";
      const labels: Record<string, string> = site === undefined ? {} : { site };
      return { ...one, name: `h${index}`, labels, health, booted, settled: true, mustRestart: settings, broken };
    }),
  );
  const rules = fc.record({
    canary: fc.nat(2),
    maxUnavailable: choice.maxUnavailable ?? fc.constantFrom<number | string>(1, 2, 3, "20%", "50%", "100%"),
    bakeSeconds: fc.constantFrom(0, 60),
    failureBudget: choice.failureBudget ?? fc.nat(2),
    onFailure: choice.onFailure ?? fc.constantFrom<OnFailure>("stop", "rollback", "rollbackAll"),
    perLabel: fc.constantFrom<Record<string, number>>({}, { site: 1 }, { site: 2 }),
  });
  return fc.record({ hosts, rules, seed: fc.nat(), concurrency: fc.integer({ min: 1, max: 5 }), freshSeconds: fc.constantFrom(0, 30) });
}

function simulate(scenario: Scenario, deaths = 0): SimulatedFleet {
  return new SimulatedFleet({ ...scenario, target: newImage, deaths });
}

function run(
  fleet: SimulatedFleet,
  { rules, concurrency, freshSeconds }: Scenario,
  signal = new AbortController().signal,
): Promise<RolloutResult> {
  return executeRollout({
    subject: "the fleet",
    hosts: fleet.facts(),
    target: newImage,
    rules,
    driver: fleet,
    clock: fleet.clock,
    signal,
    onProgress: () => undefined,
    concurrency,
    freshSeconds,
  });
}

/** What is the same however a rollout got there. */
function finalState(fleet: SimulatedFleet): unknown {
  return [...fleet.hosts.values()].map((host) => [host.name, host.booted, host.health, host.staged, host.mustRestart === true]);
}

function bootedTruth(fleet: SimulatedFleet): Record<string, string> {
  const known = [...fleet.hosts.values()].filter((host) => host.health !== "unreachable" && host.booted !== undefined);
  return Object.fromEntries(known.map((host) => [host.name, host.booted ?? ""]));
}

test("no budget is ever exceeded, it ends, canaries are first, the failure budget holds, and the report is the truth", async () => {
  await fc.assert(
    fc.asyncProperty(anyScenario({ faults: mostlyGood, health: mostlyHealthy }), async (scenario) => {
      const fleet = simulate(scenario);
      const result = await run(fleet, scenario);
      expect(fleet.violations).toEqual([]);
      expect(result.booted).toEqual(bootedTruth(fleet));
      expectCanariesFirst(fleet, result);
      expectFailuresBounded(result, scenario);
      if (result.failure === undefined) expectAllDone(result);
      else expectNobodyArmed(fleet, result);
      expect(result.failure !== undefined && fleet.events.some((event) => event.step === "settle")).toBe(false);
    }),
    { numRuns: 1000 * effort },
  );
});

function expectCanariesFirst(fleet: SimulatedFleet, { plan }: RolloutResult): void {
  const canary = plan.waves.findIndex((wave) => wave.kind === "canary");
  const first = new Set(plan.waves.slice(0, canary + 1).flatMap((wave) => wave.steps.map((step) => step.host)));
  const swapped = [...new Set(fleet.events.filter((event) => event.step === "swap").map((event) => event.host))];
  if (canary < 0) return;
  const later = swapped.findIndex((host) => !first.has(host));
  expect(swapped.slice(later < 0 ? swapped.length : later).some((host) => first.has(host))).toBe(false);
}

/** What was in flight when the budget was used up may fail, too; nothing new is begun. */
function expectFailuresBounded(result: RolloutResult, { rules, concurrency, hosts }: Scenario): void {
  const failed = [...result.outcomes.values()].filter(failedOnTheWayForward).length;
  const inFlight = Math.min(concurrency, hosts.length);
  expect(failed).toBeLessThanOrEqual(rules.failureBudget + inFlight);
  if (failed > rules.failureBudget) expect(result.failure?.code).toBe("rollout-stopped");
}

/** A host that only failed to go back with the others, once the rollout had stopped, has its rollback as its one reason. */
function failedOnTheWayForward(outcome: Outcome): boolean {
  if (outcome.kind === "failed") return outcome.rollback !== outcome.reason;
  return outcome.kind === "put-back" || outcome.kind === "untouched";
}

function expectAllDone({ outcomes, pending }: RolloutResult): void {
  const excused = pending.filter((host) => outcomes.get(host)?.kind === undefined);
  expect(excused).toEqual([]);
}

function expectNobodyArmed(fleet: SimulatedFleet, { remarks }: RolloutResult): void {
  // A host that ran nothing before has nothing else to start.
  const others = [...fleet.hosts.values()].filter((host) => host.booted !== undefined && host.booted !== newImage);
  const armed = others.filter((host) => host.staged === newImage && host.health !== "unreachable");
  expect(armed.filter((host) => !remarks.some((remark) => remark.startsWith(`${host.name} may still start`)))).toEqual([]);
}

test("hosts that die by themselves count as soon as they are seen", async () => {
  await fc.assert(
    fc.asyncProperty(anyScenario({ faults: fc.constant("none") }), fc.integer({ min: 1, max: 3 }), async (scenario, deaths) => {
      const fleet = simulate(scenario, deaths);
      await run(fleet, { ...scenario, freshSeconds: 0 });
      expect(fleet.violations).toEqual([]);
    }),
    { numRuns: 300 * effort },
  );
});

/** Kills the process before the given effect, again and again at later ones, then lets runs come to their end. */
async function runWithCrashes(scenario: Scenario, crashes: readonly number[]): Promise<SimulatedFleet> {
  const fleet = simulate(scenario);
  for (const after of crashes) {
    const limit = fleet.effects + after;
    fleet.beforeEffect = (effect) => {
      if (effect >= limit) fleet.crash();
    };
    await run(fleet, scenario);
    fleet.revive();
  }
  await run(fleet, scenario);
  expect(fleet.violations).toEqual([]);
  return fleet;
}

const anyCrashes = fc.array(fc.nat(20), { minLength: 1, maxLength: 4 });

test("a crash before any effect, then planning again: a good image ends on every host", async () => {
  const scenarios = anyScenario({ faults: fc.constant("none"), health: fc.constantFrom("healthy", "absent", "unhealthy") });
  await fc.assert(
    fc.asyncProperty(scenarios, anyCrashes, async (scenario, crashes) => {
      const straight = simulate(scenario);
      await run(straight, scenario);
      expect(finalState(await runWithCrashes(scenario, crashes))).toEqual(finalState(straight));
    }),
    { numRuns: 300 * effort },
  );
});

const lasting: readonly Fault[] = [
  "none",
  "none",
  "unhealthy",
  "swap-fails",
  "dies-in-swap",
  "prepare-fails",
  "returns-by-itself",
  "stays-armed",
];

test("a crash before any effect of a failing rollout, one host at a time: it ends as if there had been none", async () => {
  const scenarios = anyScenario({
    faults: fc.constantFrom(...lasting),
    onFailure: fc.constant("rollback"),
    maxUnavailable: fc.constant(1),
    failureBudget: fc.constant(0),
  });
  await fc.assert(
    fc.asyncProperty(scenarios, anyCrashes, async (scenario, crashes) => {
      const straight = simulate(scenario);
      await run(straight, scenario);
      expect(finalState(await runWithCrashes(scenario, crashes))).toEqual(finalState(straight));
    }),
    { numRuns: 300 * effort },
  );
});

test("a crash before any effect of a rollbackAll, any number of hosts at a time: all end where they began", async () => {
  const scenarios = anyScenario({
    faults: fc.constantFrom<Fault>("none", "unhealthy", "dies-in-swap"),
    onFailure: fc.constant("rollbackAll"),
    failureBudget: fc.constant(0),
  });
  await fc.assert(
    fc.asyncProperty(scenarios, anyCrashes, async (scenario, crashes) => {
      const straight = simulate(scenario);
      await run(straight, scenario);
      expect(finalState(await runWithCrashes(scenario, crashes))).toEqual(finalState(straight));
    }),
    { numRuns: 300 * effort },
  );
});

test("an abort anywhere ends at once, touches nothing more, and the next run goes on", async () => {
  const scenarios = anyScenario({ faults: fc.constant("none"), health: fc.constantFrom("healthy", "absent") });
  await fc.assert(
    fc.asyncProperty(scenarios, fc.nat(25), async (scenario, after) => {
      const fleet = simulate(scenario);
      const abort = new AbortController();
      fleet.beforeEffect = (effect) => effect === after && abort.abort();
      const result = await run(fleet, scenario, abort.signal);
      const effects = fleet.effects;
      if (abort.signal.aborted) expect(result.failure?.code).toBe("cancelled");
      // Concurrent steps that had begun their effect end it; no other begins.
      expect(effects).toBeLessThanOrEqual(after + 1 + scenario.hosts.length * 2);
      fleet.revive();
      await run(fleet, scenario);
      expect(fleet.violations).toEqual([]);
      expect([...fleet.hosts.values()].filter((host) => host.booted !== newImage || host.health !== "healthy")).toEqual([]);
    }),
    { numRuns: 300 * effort },
  );
});
