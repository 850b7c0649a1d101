import * as fc from "fast-check";
import { expect, test } from "vitest";
import { budgetProblems, openLedger, unavailableLimit } from "../../provider/rollout/budget.ts";
import type { HostFacts, RolloutRules } from "../../provider/rollout/fleet.ts";

const rules: RolloutRules = { canary: 1, maxUnavailable: 1, bakeSeconds: 0, failureBudget: 0, onFailure: "rollback" };

test.each([
  [1, 10, 1],
  [3, 10, 3],
  ["2", 10, 2],
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

test.each([
  [{ maxUnavailable: 0 }, "maxUnavailable", "0 would never let a host restart; use 1 or more"],
  [{ maxUnavailable: "0" }, "maxUnavailable", "0 would never let a host restart; use 1 or more"],
  [{ maxUnavailable: -1 }, "maxUnavailable", "-1 is not a number of hosts; use a whole number, 1 or more"],
  [{ maxUnavailable: 1.5 }, "maxUnavailable", "1.5 is not a number of hosts; use a whole number, 1 or more"],
  [{ maxUnavailable: "0%" }, "maxUnavailable", '"0%" would never let a host restart; use a share above 0%, or a number of hosts'],
  [{ maxUnavailable: "120%" }, "maxUnavailable", '"120%" is more than all hosts; use at most "100%"'],
  [{ maxUnavailable: "some" }, "maxUnavailable", '"some" is neither a number of hosts nor a share such as "20%"'],
  [{ maxUnavailable: "20 %" }, "maxUnavailable", '"20 %" is neither a number of hosts nor a share such as "20%"'],
  [{ canary: -1 }, "canary", "-1 is not a number of hosts; use a whole number, 0 or more"],
  [{ canary: 0.5 }, "canary", "0.5 is not a number of hosts; use a whole number, 0 or more"],
  [{ failureBudget: -2 }, "failureBudget", "-2 is not a number of hosts; use a whole number, 0 or more"],
  [{ bakeSeconds: -1 }, "bakeSeconds", "-1 is not a time; use a number of seconds, 0 or more"],
  [{ perLabel: { site: 0 } }, "perLabel.site", "0 would never let a host restart; use 1 or more"],
])("%j is refused", (wrong, path, reason) => {
  const problems = budgetProblems({ ...rules, ...wrong });
  expect(problems.map((problem) => [problem.path.join("."), problem.reason])).toEqual([[path, reason]]);
});

test("finds all problems at once, and none in rules that can work", () => {
  expect(budgetProblems({ canary: -1, maxUnavailable: 0, perLabel: { site: 0, rack: 1 } })).toHaveLength(3);
  expect(budgetProblems(rules)).toEqual([]);
  expect(budgetProblems({ ...rules, canary: 50, maxUnavailable: "100%", perLabel: { site: 2 } })).toEqual([]);
  expect(budgetProblems({})).toEqual([]);
});
