import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { HostFacts, RolloutRules } from "../../provider/rollout/fleet.ts";
import { planRollout } from "../../provider/rollout/plan.ts";
import { absentHost, defaultRules, hostFacts, newImage, oldImage } from "../fakes/fleets.ts";

/** `canary kiosk-1:swap | slots kiosk-2:swap x1`, short enough for a table. */
function sketch(hosts: readonly HostFacts[], rules: Partial<RolloutRules> = {}): string {
  const plan = planRollout({ hosts, target: newImage, rules: { ...defaultRules, ...rules } });
  const waves = plan.waves.map((wave) => {
    const steps = wave.steps.map((step) => `${step.host}:${step.kind}`).join(" ");
    return `${wave.kind} ${steps} x${wave.atOnce}${wave.bakeSeconds > 0 ? ` bake ${wave.bakeSeconds}` : ""}`;
  });
  const later = plan.postponed.map((one) => `later ${one.host}: ${one.reason}`);
  return [...waves, ...later, ...plan.blocked.map((host) => `blocked ${host}`)].join(" | ");
}

const a = hostFacts("a");
const b = hostFacts("b");
const c = hostFacts("c");
const done = { booted: newImage, rollback: oldImage, settled: false };
const bake = { bakeSeconds: 60 };

test.each<[string, readonly HostFacts[], Partial<RolloutRules>, string]>([
  ["a canary, then slots", [a, b, c], bake, "canary a:swap x1 bake 60 | slots b:swap c:swap x1"],
  ["more canaries than hosts", [a, b], { canary: 5, maxUnavailable: 2 }, "canary a:swap b:swap x2"],
  ["no canary: what is watched is the rest", [a, b], { canary: 0, ...bake }, "slots a:swap b:swap x1 bake 60"],
  ["a share of the hosts at once", [a, b, c, hostFacts("d")], { canary: 0, maxUnavailable: "50%" }, "slots a:swap b:swap c:swap d:swap x2"],
  ["a new group starts at once", [absentHost("a"), absentHost("b")], {}, "down a:create b:create x2"],
  ["a killed machine alone is started", [hostFacts("a", { booted: newImage }), absentHost("b")], {}, "down b:create x1"],
  ["nothing to do", [hostFacts("a", { booted: newImage }), hostFacts("b", { booted: newImage })], {}, ""],
  [
    "unhealthy ones follow the canary",
    [hostFacts("a", { health: "unhealthy" }), b, c],
    { maxUnavailable: 2 },
    "canary b:swap x1 | down a:swap x1 | slots c:swap x1",
  ],
  [
    "unhealthy ones first where they hold every slot",
    [hostFacts("a", { health: "unhealthy" }), b, c],
    {},
    "down a:swap x1 | canary b:swap x1 | slots c:swap x1",
  ],
  ["canaries are healthy", [hostFacts("a", { health: "restarting" }), absentHost("b")], {}, "down a:swap b:create x2"],
  [
    "unreachable ones are caught up later",
    [a, b, hostFacts("c", { health: "unreachable" })],
    { maxUnavailable: 2 },
    "canary a:swap x1 | slots b:swap x1 | later c: unreachable",
  ],
  [
    "hosts that hold all slots for good block",
    [a, hostFacts("b", { health: "unreachable" })],
    {},
    "canary a:swap x1 | later b: unreachable | blocked a",
  ],
  ["last ones come last", [hostFacts("a", { last: true }), b, c], {}, "canary b:swap x1 | slots c:swap x1 | last a:swap x1"],
  ["a fleet of one last host has no canary", [hostFacts("a", { last: true })], {}, "last a:swap x1"],
  [
    "settings alone restart",
    [hostFacts("a", { booted: newImage, mustRestart: true }), hostFacts("b", { booted: newImage, mustRestart: true })],
    {},
    "canary a:swap x1 | slots b:swap x1",
  ],
  [
    "interrupted in the canary: it is judged and baked first",
    [hostFacts("a", { ...done, health: "restarting" }), b, c],
    bake,
    "canary a:check x1 bake 60 | slots b:swap c:swap x1",
  ],
  ["interrupted in the bake: it is baked again", [hostFacts("a", done), b, c], bake, "canary a:check x1 bake 60 | slots b:swap c:swap x1"],
  ["interrupted between two canaries", [hostFacts("a", done), b, c], { canary: 2 }, "canary a:check b:swap x1 | slots c:swap x1"],
  ["interrupted after the canaries: no second bake", [hostFacts("a", done), hostFacts("b", done), c], bake, "slots c:swap x1 bake 60"],
  [
    "interrupted in a later host: it is judged first",
    [hostFacts("a", done), hostFacts("b", { ...done, health: "unhealthy" }), c],
    {},
    "check b:check x1 | slots c:swap x1",
  ],
  ["a newcomer to an accepted image needs no canary", [hostFacts("a", { booted: newImage }), b], {}, "slots b:swap x1"],
  [
    "new settings need one, whatever the image",
    [hostFacts("a", { booted: newImage }), hostFacts("b", { booted: newImage, mustRestart: true })],
    {},
    "canary b:swap x1",
  ],
  [
    "unhealthy on an accepted image is no rollout's work",
    [hostFacts("a", { booted: newImage, health: "unhealthy" })],
    {},
    "later a: unhealthy",
  ],
  [
    "outside its window",
    [a, hostFacts("b", { window: "closed" })],
    {},
    "canary a:swap x1 | later b: runs 9f2c41aa08d1, wants 77aa41c09d12; its window is closed",
  ],
  [
    "canaries that a label's budget admits go first",
    [hostFacts("a", { labels: { site: "x" } }), hostFacts("b", { labels: { site: "x" }, health: "unhealthy" }), c],
    { maxUnavailable: 2, perLabel: { site: 1 } },
    "canary c:swap x1 | down b:swap x1 | slots a:swap x1",
  ],
])("%s", (...[, hosts, rules, expected]) => {
  expect(sketch(hosts, rules)).toBe(expected);
});

test("says why for each host", () => {
  const hosts = [
    a,
    hostFacts("b", { booted: newImage, mustRestart: true }),
    absentHost("c"),
    hostFacts("d", { ...done, health: "restarting" }),
  ];
  const plan = planRollout({ hosts, target: newImage, rules: { ...defaultRules, maxUnavailable: 4 } });
  const reasons = plan.waves.flatMap((wave) => wave.steps).map((step) => `${step.host} ${step.reason}`);
  expect(reasons.sort()).toEqual([
    "a runs 9f2c41aa08d1, wants 77aa41c09d12",
    "b settings changed",
    "c does not run",
    "d runs 77aa41c09d12, not confirmed yet",
  ]);
});

test("a rejected image has no waves, another one has", () => {
  const rejected = { digest: newImage, at: "2026-11-05T10:00:00.000Z", reason: "a: no answer" };
  expect(planRollout({ hosts: [a, b], target: newImage, rules: defaultRules, rejected })).toMatchObject({ waves: [], refused: rejected });
  expect(
    planRollout({ hosts: [a, b], target: newImage, rules: defaultRules, rejected: { ...rejected, digest: oldImage } }).waves,
  ).toHaveLength(2);
});

const anyHost = fc.record({
  health: fc.constantFrom<HostFacts["health"]>("healthy", "unhealthy", "unreachable", "restarting", "absent"),
  booted: fc.constantFrom(oldImage, newImage),
  settled: fc.boolean(),
  mustRestart: fc.boolean(),
  last: fc.boolean(),
  window: fc.constantFrom("open" as const, "closed" as const),
});

test("every host is in at most one place, healthy ones alone are canaries, and nobody who is done is restarted", () => {
  const anyFleet = fc.array(anyHost, { maxLength: 30 }).map((hosts) => hosts.map((host, index) => hostFacts(`h${index}`, host)));
  fc.assert(
    fc.property(anyFleet, fc.nat(4), fc.integer({ min: 1, max: 5 }), (hosts, canary, maxUnavailable) => {
      const plan = planRollout({ hosts, target: newImage, rules: { ...defaultRules, canary, maxUnavailable } });
      const steps = plan.waves.flatMap((wave) => wave.steps);
      const names = [...steps.map((step) => step.host), ...plan.postponed.map((one) => one.host)];
      expect(new Set(names).size).toBe(names.length);
      const byName = new Map(hosts.map((host) => [host.name, host]));
      const swaps = plan.waves.flatMap((wave) =>
        wave.steps.filter((step) => step.kind === "swap").map((step) => ({ wave, host: byName.get(step.host) })),
      );
      for (const { wave, host } of swaps) {
        if (wave.kind === "canary") expect(host?.health).toBe("healthy");
        expect(host?.booted !== newImage || host.mustRestart).toBe(true);
        expect(host?.window).toBe("open");
      }
      for (const host of hosts) {
        const idle = host.booted === newImage && host.mustRestart !== true && host.health === "healthy";
        expect(names.includes(host.name) || idle).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
});
