import * as fc from "fast-check";
import { expect, test } from "vitest";
import { openLedger, unavailableLimit } from "../../provider/rollout/budget.ts";
import type { HostFacts, RolloutRules } from "../../provider/rollout/fleet.ts";

const rules: RolloutRules = { canary: 1, maxUnavailable: 1, bakeSeconds: 0, failureBudget: 0, onFailure: "rollback" };

test.each([
  [1, 10, 1],
  [3, 10, 3],
  ["20%", 10, 2],
  ["20%", 4, 1],
  ["1%", 3, 1],
  ["29%", 100, 29],
  ["33.3%", 1000, 333],
  ["100%", 7, 7],
  ["50%", 0, 1],
])("maxUnavailable %s of %i hosts is %i", (maxUnavailable, hosts, expected) => {
  expect(unavailableLimit(maxUnavailable, hosts)).toBe(expected);
});

test("a share never rounds to 0 and is never more than its hosts", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100_000 }), (percent, hosts) => {
      const limit = unavailableLimit(`${percent}%`, hosts);
      expect(limit).toBeGreaterThanOrEqual(1);
      expect(limit).toBeLessThanOrEqual(Math.max(1, (hosts * percent) / 100));
    }),
  );
});

test("all budgets hold at once, and hosts without the label are a group of their own", () => {
  const host = (name: string, labels: Record<string, string>, health: HostFacts["health"] = "healthy"): HostFacts => ({
    name,
    labels,
    health,
  });
  const hosts = [
    host("a", { site: "oslo" }, "unhealthy"),
    host("b", { site: "oslo" }),
    host("c", { site: "rome" }),
    host("d", {}),
    host("e", {}),
  ];
  const ledger = openLedger({ ...rules, maxUnavailable: 3, perLabel: { site: 1 } }, hosts);
  expect(ledger.refusal("a")).toBeUndefined();
  expect(ledger.refusal("b")).toEqual({ limit: 1, unavailable: 1, group: "site oslo" });
  ledger.record("d", true);
  expect(ledger.refusal("e")).toEqual({ limit: 1, unavailable: 1, group: "no site" });
  expect(ledger.refusal("c")).toBeUndefined();
  ledger.record("c", true);
  expect(ledger.refusal("b")).toEqual({ limit: 3, unavailable: 3 });
  ledger.record("a", false);
  expect(ledger.refusal("b")).toBeUndefined();
});
