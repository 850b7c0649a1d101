import { expect, test } from "vitest";
import type { HostFacts, Rejection, RolloutRules } from "../../provider/rollout/fleet.ts";
import { planRollout } from "../../provider/rollout/plan.ts";
import { boundNames, renderPlan } from "../../provider/rollout/render.ts";
import { absentHost, defaultRules, hostFacts, newImage } from "../fakes/fleets.ts";

function render(hosts: readonly HostFacts[], rules: Partial<RolloutRules> = {}, rejected?: Rejection): string {
  return renderPlan(planRollout({ hosts, target: newImage, rules: { ...defaultRules, ...rules }, ...(rejected && { rejected }) }));
}

const k1 = hostFacts("kiosk-1");
const k2 = hostFacts("kiosk-2");
const many = Array.from({ length: 250 }, (_, index) => hostFacts(`edge-${index + 1}`));

test("two machines", () => {
  expect(render([k1, k2])).toMatchInlineSnapshot(
    `"rollout to 77aa41c09d12: canary kiosk-1, then kiosk-2 (at most 1 unavailable; on failure: rollback)"`,
  );
});

test("a new group", () => {
  expect(render([absentHost("kiosk-1"), absentHost("kiosk-2")])).toMatchInlineSnapshot(`"rollout to 77aa41c09d12: start kiosk-1, kiosk-2"`);
});

test("nothing to do is no text", () => {
  expect(render([hostFacts("kiosk-1", { booted: newImage })])).toBe("");
});

test("changed settings alone", () => {
  expect(render([hostFacts("kiosk-1", { booted: newImage, mustRestart: true })])).toMatchInlineSnapshot(
    `"restart with changed settings: canary kiosk-1 (at most 1 unavailable; on failure: rollback)"`,
  );
});

test("everything at once stays within six lines", () => {
  const hosts = [
    ...many,
    hostFacts("registry", { last: true }),
    hostFacts("lost-1", { health: "unreachable" }),
    hostFacts("night-1", { window: "closed" }),
    hostFacts("sick-1", { health: "unhealthy" }),
    absentHost("new-1"),
    hostFacts("set-1", { booted: newImage, mustRestart: true }),
  ];
  const rules = {
    canary: 3,
    maxUnavailable: "10%",
    bakeSeconds: 600,
    failureBudget: 2,
    onFailure: "rollbackAll",
    perLabel: { site: 25 },
  } as const;
  expect(render(hosts, rules)).toMatchInlineSnapshot(`
    "rollout to 77aa41c09d12: canary edge-1, edge-2, edge-3 (watched for 600 s), then start or repair sick-1, new-1, then edge-4, edge-5, edge-6, edge-7, edge-8 and 243 more (10 at once), then last registry (at most 10%, 25 per site unavailable; after 3 failures: rollbackAll)
    settings changed: set-1
    left for later: lost-1 (unreachable); night-1 (window closed)"
  `);
});

test("a fleet that cannot move says who is in the way", () => {
  expect(render([k1, hostFacts("kiosk-2", { health: "unreachable" })])).toMatchInlineSnapshot(`
    "rollout to 77aa41c09d12: canary kiosk-1 (at most 1 unavailable; on failure: rollback)
    cannot restart while others are down: kiosk-1
    left for later: kiosk-2 (unreachable)"
  `);
});

test("an image that was taken back", () => {
  const rejected = { digest: newImage, at: "2026-11-05T10:00:00.000Z", reason: "kiosk-1: port 80 answered 503." };
  expect(render([k1, k2], {}, rejected)).toMatchInlineSnapshot(
    `"no rollout: 77aa41c09d12 was taken back at 2026-11-05T10:00:00.000Z: kiosk-1: port 80 answered 503."`,
  );
});

test("names are bounded", () => {
  expect(boundNames(["a", "b", "c", "d", "e", "f"])).toBe("a, b, c, d, e, f");
  expect(boundNames(["a", "b", "c", "d", "e", "f", "g"])).toBe("a, b, c, d, e and 2 more");
  expect(render(many, { maxUnavailable: "5%" }).length).toBeLessThan(250);
});
