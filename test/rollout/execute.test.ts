/** Rollouts as stories: what happens to each host, in which order, and the whole message a person gets. */
import { expect, test } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import { executeRollout } from "../../provider/rollout/execute.ts";
import type { Rejection, RolloutRules } from "../../provider/rollout/fleet.ts";
import type { RolloutResult } from "../../provider/rollout/result.ts";
import { defaultRules, newImage, oldImage } from "../fakes/fleets.ts";
import { SimulatedFleet, type Fault, type SimulatedHost } from "../fakes/simulated-fleet.ts";

function host(name: string, fault: Fault = "none", rest: Partial<SimulatedHost> = {}): SimulatedHost {
  return { name, fault, labels: {}, health: "healthy", booted: oldImage, settled: true, ...rest };
}

interface Told extends RolloutResult {
  readonly fleet: SimulatedFleet;
  readonly lines: readonly string[];
  readonly told: string;
}

interface Story {
  readonly hosts: readonly SimulatedHost[];
  readonly rules?: Partial<RolloutRules>;
  readonly rejected?: Rejection;
  readonly signal?: AbortSignal;
  readonly concurrency?: number;
}

async function tell({ hosts, signal = new AbortController().signal, ...story }: Story): Promise<Told> {
  const rules = { ...defaultRules, ...story.rules };
  const fleet = new SimulatedFleet({ hosts, rules, target: newImage });
  const lines: string[] = [];
  const onProgress = (line: string): void => void lines.push(line);
  const rejected = story.rejected === undefined ? {} : { rejected: story.rejected };
  const base = { subject: 'MachineGroup "kiosk"', hosts: fleet.facts(), target: newImage, rules, driver: fleet, clock: fleet.clock };
  const result = await executeRollout({ ...base, ...rejected, signal, onProgress, concurrency: story.concurrency ?? 1, freshSeconds: 0 });
  expect(fleet.violations).toEqual([]);
  return { ...result, fleet, lines, told: whole(result.failure) };
}

function whole(failure: Failure | undefined): string {
  return failure === undefined ? "" : describeFailure(failure);
}

function kinds({ outcomes }: RolloutResult): Record<string, string> {
  return Object.fromEntries([...outcomes].map(([name, outcome]) => [name, outcome.kind]));
}

test("a good image goes to the canary, then to the other one, and is settled", async () => {
  const story = await tell({ hosts: [host("kiosk-1"), host("kiosk-2")], rules: { bakeSeconds: 60 } });
  expect(story.failure).toBeUndefined();
  expect(story.booted).toEqual({ "kiosk-1": newImage, "kiosk-2": newImage });
  expect(story.pending).toEqual([]);
  expect(story.lines).toMatchInlineSnapshot(`
    [
      "kiosk-1: preparing",
      "kiosk-1: restarting into 77aa41c09d12",
      "kiosk-1: waiting until it is healthy",
      "kiosk-1: runs 77aa41c09d12 and is healthy",
      "watching kiosk-1 for 60 s",
      "kiosk-2: preparing",
      "kiosk-2: restarting into 77aa41c09d12",
      "kiosk-2: waiting until it is healthy",
      "kiosk-2: runs 77aa41c09d12 and is healthy",
    ]
  `);
  expect(story.fleet.events.filter((event) => event.step === "settle").map((event) => event.host)).toEqual(["kiosk-1", "kiosk-2"]);
});

test("a broken image stops at the canary, which is put back; the other one is left alone", async () => {
  const story = await tell({ hosts: [host("kiosk-1", "unhealthy"), host("kiosk-2", "unhealthy")] });
  expect(story.told).toMatchInlineSnapshot(`
    "The rollout of 77aa41c09d12 to MachineGroup "kiosk" stopped at kiosk-1 (canary): kiosk-1 answered 503 on port 80. Put back on 9f2c41aa08d1: kiosk-1. Left alone (9f2c41aa08d1): kiosk-2.
    fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
  expect(story.booted).toEqual({ "kiosk-1": oldImage, "kiosk-2": oldImage });
  expect(story.rejection).toEqual({
    digest: newImage,
    at: "2023-11-14T22:13:35.000Z",
    reason: "kiosk-1 answered 503 on port 80.",
  });
  expect(story.fleet.events.some((event) => event.host === "kiosk-2")).toBe(false);
});

test("a canary that fails while it is watched is put back, too", async () => {
  const story = await tell({ hosts: [host("kiosk-1", "dies-later"), host("kiosk-2")], rules: { bakeSeconds: 60 } });
  expect(story.told).toMatchInlineSnapshot(`
    "The rollout of 77aa41c09d12 to MachineGroup "kiosk" stopped at kiosk-1 (canary): kiosk-1 answered 503 on port 80. Put back on 9f2c41aa08d1: kiosk-1. Left alone (9f2c41aa08d1): kiosk-2.
    fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
  expect(kinds(story)).toEqual({ "kiosk-1": "put-back" });
});

test("stop leaves the failed host as it is", async () => {
  const story = await tell({ hosts: [host("kiosk-1", "unhealthy"), host("kiosk-2")], rules: { onFailure: "stop" } });
  expect(story.told).toMatchInlineSnapshot(`
    "The rollout of 77aa41c09d12 to MachineGroup "kiosk" stopped at kiosk-1 (canary): kiosk-1 answered 503 on port 80. Left as it is (77aa41c09d12, unhealthy): kiosk-1. Left alone (9f2c41aa08d1): kiosk-2.
    fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
});

test("stop disarms a host that never restarted", async () => {
  const story = await tell({ hosts: [host("kiosk-1", "stays-armed"), host("kiosk-2")], rules: { onFailure: "stop" } });
  expect(story.told).toMatchInlineSnapshot(`
    "The rollout of 77aa41c09d12 to MachineGroup "kiosk" stopped at kiosk-1 (canary): kiosk-1 did not restart. Left as it is (9f2c41aa08d1): kiosk-1. Left alone (9f2c41aa08d1): kiosk-2.
    fix: look at kiosk-1, then run pulumi up again; it goes on from what the hosts run."
  `);
  expect(story.fleet.hosts.get("kiosk-1")?.staged).toBeUndefined();
  expect(story.rejection).toBeUndefined();
});

test("rollbackAll takes all back in reverse order", async () => {
  const hosts = [host("kiosk-1"), host("kiosk-2"), host("kiosk-3", "unhealthy"), host("kiosk-4")];
  const story = await tell({ hosts, rules: { onFailure: "rollbackAll" } });
  expect(story.told).toMatchInlineSnapshot(`
    "The rollout of 77aa41c09d12 to MachineGroup "kiosk" stopped at kiosk-3: kiosk-3 answered 503 on port 80. Put back on 9f2c41aa08d1: kiosk-1, kiosk-2, kiosk-3. Left alone (9f2c41aa08d1): kiosk-4. Data in /var was not restored.
    fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
  const backs = story.fleet.events.filter((event) => event.step === "rollBack").map((event) => event.host);
  expect([...new Set(backs)]).toEqual(["kiosk-3", "kiosk-2", "kiosk-1"]);
});

test("rollbackAll is not begun when an old image is lost", async () => {
  const lost = host("kiosk-1", "none", { booted: newImage, settled: false, rollback: oldImage });
  const hosts = [lost, host("kiosk-2", "none"), host("kiosk-3", "unhealthy")];
  const rules = { ...defaultRules, onFailure: "rollbackAll" as const };
  const fleet = new SimulatedFleet({ hosts, rules, target: newImage });
  const base = { subject: 'MachineGroup "kiosk"', hosts: fleet.facts(), target: newImage, rules, driver: fleet, clock: fleet.clock };
  const forget = (line: string): void => {
    const swapped = fleet.hosts.get("kiosk-2");
    if (swapped !== undefined && line.startsWith("kiosk-3: waiting")) swapped.rollback = undefined;
  };
  const result = await executeRollout({ ...base, signal: new AbortController().signal, onProgress: forget, freshSeconds: 0 });
  expect(whole(result.failure)).toMatchInlineSnapshot(`
    "The rollout of 77aa41c09d12 to MachineGroup "kiosk" stopped at kiosk-3: kiosk-3 answered 503 on port 80. Moved (77aa41c09d12): kiosk-1, kiosk-2. Put back on 9f2c41aa08d1: kiosk-3. rollbackAll was not begun, since the old image is gone from kiosk-2.
    fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
});

test("rollbackAll stops at the first host that does not come back, and says both failures", async () => {
  const sick = host("kiosk-1", "rollback-fails", { health: "unhealthy", broken: true });
  const hosts = [host("kiosk-0"), sick, host("kiosk-2", "unhealthy")];
  const story = await tell({ hosts, rules: { onFailure: "rollbackAll", maxUnavailable: 3 } });
  expect(story.told).toMatchInlineSnapshot(`
    "The rollout of 77aa41c09d12 to MachineGroup "kiosk" stopped at kiosk-2: kiosk-2 answered 503 on port 80. Moved (77aa41c09d12): kiosk-0. Could not be put back (unreachable, kiosk-1 did not come back): kiosk-1. Put back on 9f2c41aa08d1: kiosk-2. rollbackAll stopped at kiosk-1: kiosk-1 did not come back.
    fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
  expect(kinds(story)).toEqual({ "kiosk-0": "confirmed", "kiosk-1": "failed", "kiosk-2": "put-back" });
});

test("a rollback that fails stops everything and is said", async () => {
  const story = await tell({ hosts: [host("kiosk-1", "rollback-fails"), host("kiosk-2")], rules: { failureBudget: 5 } });
  expect(story.told).toMatchInlineSnapshot(`
    "The rollout of 77aa41c09d12 to MachineGroup "kiosk" stopped at kiosk-1 (canary): kiosk-1 answered 503 on port 80. Could not be put back (unreachable, kiosk-1 did not come back): kiosk-1. Left alone (9f2c41aa08d1): kiosk-2.
    fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
});

test("failures within their budget do not stop it, nor reject the image", async () => {
  const hosts = [host("a"), host("b", "unhealthy"), host("c"), host("d", "prepare-fails"), host("e")];
  const story = await tell({ hosts, rules: { failureBudget: 2 } });
  expect(story.failure).toBeUndefined();
  expect(story.rejection).toBeUndefined();
  expect(kinds(story)).toEqual({ a: "confirmed", b: "put-back", c: "confirmed", d: "untouched", e: "confirmed" });
  expect(story.pending).toEqual(["b", "d"]);
});

test("one failure too many stops it", async () => {
  const hosts = [host("a"), host("b", "unhealthy"), host("c", "prepare-fails"), host("d")];
  expect((await tell({ hosts, rules: { failureBudget: 1 } })).told).toMatchInlineSnapshot(`
    "The rollout of 77aa41c09d12 to MachineGroup "kiosk" stopped after 2 failures (failureBudget is 1), the last at c: c has no room for the image. Moved (77aa41c09d12): a. Put back on 9f2c41aa08d1: b. Not touched (9f2c41aa08d1): c. Left alone (9f2c41aa08d1): d.
    fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
});

test("what fails before anything was touched says so", async () => {
  expect((await tell({ hosts: [host("kiosk-1", "prepare-fails"), host("kiosk-2")] })).told).toMatchInlineSnapshot(`
    "The rollout of 77aa41c09d12 to MachineGroup "kiosk" stopped at kiosk-1 (canary): kiosk-1 has no room for the image. Not touched (9f2c41aa08d1): kiosk-1. Left alone (9f2c41aa08d1): kiosk-2.
    fix: look at kiosk-1, then run pulumi up again; it goes on from what the hosts run."
  `);
});

test("hosts that are down hold their slots", async () => {
  const story = await tell({ hosts: [host("kiosk-1"), host("kiosk-2", "none", { health: "unreachable" })] });
  expect(story.told).toMatchInlineSnapshot(`
    "The rollout of 77aa41c09d12 to MachineGroup "kiosk" stopped before kiosk-1: at most 1 may be unavailable, and 1 is already. Down: kiosk-2 (unreachable). Left alone (9f2c41aa08d1): kiosk-1. Left for later (unreachable): kiosk-2.
    fix: mend these hosts or raise rollout.maxUnavailable, then run pulumi up again."
  `);
  expect(story.fleet.events.filter((event) => event.step === "swap")).toEqual([]);
});

test("a host that was unhealthy before and stays so is no failure", async () => {
  const sick = host("a", "none", { health: "unhealthy", broken: true });
  const story = await tell({ hosts: [sick, host("b"), host("c")], rules: { maxUnavailable: 2 } });
  expect(story.failure).toBeUndefined();
  expect(story.remarks).toEqual(["a was unhealthy before and still is: a answered 503 on port 80."]);
  expect(story.booted).toEqual({ a: newImage, b: newImage, c: newImage });
});

test("a closed window: prepared now, moved by a later run, and nothing is settled before", async () => {
  const fleet = await tell({ hosts: [host("a"), host("b")] }).then((story) => story.fleet);
  expect(fleet.hosts.get("a")?.settled).toBe(true);
  const hosts = [host("a"), host("b")];
  const closed = new SimulatedFleet({ hosts, rules: defaultRules, target: newImage });
  const facts = closed.facts().map((one) => (one.name === "b" ? { ...one, window: "closed" as const } : one));
  const base = { subject: "it", hosts: facts, target: newImage, rules: defaultRules, driver: closed, clock: closed.clock };
  const result = await executeRollout({ ...base, signal: new AbortController().signal, onProgress: () => undefined });
  expect(result.failure).toBeUndefined();
  expect(result.pending).toEqual(["b"]);
  expect(closed.events.filter((event) => event.host === "b")).toEqual([{ host: "b", step: "prepare" }]);
  expect(closed.hosts.get("a")?.settled).toBe(false);
});

test("an image that was taken back is refused", async () => {
  const rejected = { digest: newImage, at: "2026-11-05T10:00:00.000Z", reason: "kiosk-1: port 80 answered 503" };
  const story = await tell({ hosts: [host("kiosk-1")], rejected });
  expect(story.told).toMatchInlineSnapshot(`
    "Image 77aa41c09d12 was not rolled out to MachineGroup "kiosk" again: it was taken back at 2026-11-05T10:00:00.000Z, since kiosk-1: port 80 answered 503.
    fix: correct the image, or set retryRejected to true to try this one once more."
  `);
  expect(story.fleet.events).toEqual([]);
});

test("a refused image: who is down goes back to what worked, whoever works is left alone", async () => {
  const rejected = { digest: newImage, at: "2026-11-05T10:00:00.000Z", reason: "kiosk-1: port 80 answered 503" };
  const dead = host("kiosk-2", "none", { health: "absent", booted: undefined, rollback: oldImage });
  const stuck = host("kiosk-3", "unhealthy", { health: "unhealthy", booted: newImage, rollback: oldImage, settled: false });
  const fresh = host("kiosk-4", "none", { health: "absent", booted: undefined });
  const story = await tell({ hosts: [host("kiosk-1"), dead, stuck, fresh], rejected });
  expect(story.told).toMatchInlineSnapshot(`
    "Image 77aa41c09d12 was not rolled out to MachineGroup "kiosk" again: it was taken back at 2026-11-05T10:00:00.000Z, since kiosk-1: port 80 answered 503. Left alone (9f2c41aa08d1): kiosk-1. Back on 9f2c41aa08d1: kiosk-2, kiosk-3. Left alone (absent): kiosk-4.
    fix: correct the image, or set retryRejected to true to try this one once more."
  `);
  expect(story.booted).toEqual({ "kiosk-1": oldImage, "kiosk-2": oldImage, "kiosk-3": oldImage });
  const stopped = await tell({ hosts: [dead, stuck], rejected, rules: { onFailure: "stop" } });
  expect(kinds(stopped)).toEqual({ "kiosk-2": "restored" });
});

test("a host that fails once others were swapped is put back before the way back is given up", async () => {
  const hosts = [host("kiosk-1"), host("kiosk-2")];
  const fleet = new SimulatedFleet({ hosts, rules: defaultRules, target: newImage });
  const base = { subject: "it", hosts: fleet.facts(), target: newImage, rules: defaultRules, driver: fleet, clock: fleet.clock };
  const onProgress = (line: string): void => {
    const first = fleet.hosts.get("kiosk-1");
    if (first !== undefined && line === "kiosk-2: runs 77aa41c09d12 and is healthy") first.health = "unhealthy";
  };
  const result = await executeRollout({ ...base, signal: new AbortController().signal, onProgress, freshSeconds: 0 });
  expect(whole(result.failure)).toMatchInlineSnapshot(`
    "The rollout of 77aa41c09d12 to it stopped at kiosk-1 (canary): kiosk-1 answered 503 on port 80. Put back on 9f2c41aa08d1: kiosk-1. Moved (77aa41c09d12): kiosk-2.
    fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
  expect(result.booted).toEqual({ "kiosk-1": oldImage, "kiosk-2": newImage });
  expect(fleet.hosts.get("kiosk-2")).toMatchObject({ settled: false, rollback: oldImage });
});

test("Ctrl-C: nothing is said of the host in the middle", async () => {
  const abort = new AbortController();
  const fleet = new SimulatedFleet({ hosts: [host("a"), host("b")], rules: defaultRules, target: newImage });
  const base = {
    subject: 'MachineGroup "kiosk"',
    hosts: fleet.facts(),
    target: newImage,
    rules: defaultRules,
    driver: fleet,
    clock: fleet.clock,
  };
  const onProgress = (line: string): void => void (line.startsWith("b: waiting") && abort.abort());
  const result = await executeRollout({ ...base, signal: abort.signal, onProgress });
  expect(whole(result.failure)).toMatchInlineSnapshot(`
    "The rollout of 77aa41c09d12 to MachineGroup "kiosk" was cancelled. Moved (77aa41c09d12): a. Interrupted: b.
    fix: run pulumi up again; it goes on from what the hosts run."
  `);
  expect(kinds(result)).toEqual({ a: "confirmed", b: "interrupted" });
  expect(result.booted).toEqual({ a: newImage });
});
