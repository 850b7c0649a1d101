/** A MachineGroup through its life: check, preview, create, no diff, update, failure, drift, delete, and a death after every effect. */
import { expect, test } from "vitest";
import { Failure } from "../../provider/failure.ts";
import { unknown, type ValueMap } from "../../provider/spec/value.ts";
import { forEveryCrash } from "./harness.ts";
import { digest, program, told, v1, v2, v3, world } from "./kiosk-world.ts";

test("is made, changes nothing the second time, is swapped, and goes without a trace", async () => {
  const { kiosk, machines, effects } = world();

  const planned = await kiosk.preview(program(v1));
  expect(planned.infos).toEqual(["rollout to 1111aaaa0001: start kiosk-1, kiosk-2"]);
  expect(planned.outputs["endpoints"]).toEqual({ "kiosk-1": { 80: unknown }, "kiosk-2": { 80: unknown } });
  expect(effects.take()).toEqual([]);

  const made = await kiosk.up(program(v1));
  expect(told(made)).toBe("");
  expect(made.outputs).toMatchObject({
    booted: { "kiosk-1": v1, "kiosk-2": v1 },
    image: `local/web@${v1}`,
    endpoints: { "kiosk-1": { 80: "127.0.0.1:40000" }, "kiosk-2": { 80: "127.0.0.1:40001" } },
    consoles: { "kiosk-1": "/state/kiosk-1/console.log", "kiosk-2": "/state/kiosk-2/console.log" },
    accelerator: "tcg",
    key: kiosk.urn,
  });
  effects.take();

  const again = await kiosk.up(program(v1));
  expect([again.changes, again.infos, again.warnings, effects.take()]).toEqual([[], [], [], []]);

  const before = await kiosk.preview(program(v2));
  expect(before.changes).toEqual(["image", 'booted["kiosk-1"]', 'booted["kiosk-2"]']);
  expect(before.infos).toEqual(["rollout to 2222bbbb0002: canary kiosk-1, then kiosk-2 (at most 1 unavailable; on failure: rollback)"]);
  expect(before.outputs).toMatchObject({ booted: { "kiosk-1": v2, "kiosk-2": v2 }, endpoints: made.outputs["endpoints"] });
  expect(effects.take()).toEqual([]);

  const swapped = await kiosk.up(program(v2));
  expect(told(swapped)).toBe("");
  expect(swapped.outputs).toEqual({ ...before.outputs, accelerator: "tcg" });
  expect(effects.take().filter((effect) => effect.startsWith("st"))).toEqual([
    "stop kiosk-1",
    "start kiosk-1 on 2222",
    "stop kiosk-2",
    "start kiosk-2 on 2222",
  ]);

  await kiosk.destroy();
  expect([...machines.groups]).toEqual([]);
});

test("while the image is not built yet, the preview still names machines and order", async () => {
  const { kiosk } = world();
  await kiosk.up(program(v1));
  const planned = await kiosk.preview({ ...program(v1), image: unknown });
  expect(planned.changes).toEqual(["image", 'booted["kiosk-1"]', 'booted["kiosk-2"]']);
  expect(planned.outputs["booted"]).toEqual({ "kiosk-1": unknown, "kiosk-2": unknown });
  expect(planned.infos).toEqual([
    "rollout to the image that is built first: canary kiosk-1, then kiosk-2 (at most 1 unavailable; on failure: rollback)",
  ]);
});

test("Ctrl-C in a swap: state says what runs, and the next run judges and ends it", async () => {
  const { kiosk, machines, effects } = world();
  await kiosk.up(program(v1));
  const abort = new AbortController();
  const stopAt = effects.log.length + 3;
  effects.onEffect = () => effects.log.length === stopAt && abort.abort();
  const stopped = await kiosk.up(program(v2), abort.signal);
  expect(told(stopped)).toMatchInlineSnapshot(`
    "The rollout of 2222bbbb0002 to MachineGroup "kiosk" was cancelled. Moved (2222bbbb0002): kiosk-1. Left alone (1111aaaa0001): kiosk-2.
    fix: run pulumi up again; it goes on from what the hosts run."
  `);
  expect(stopped.outputs).toMatchObject({ booted: { "kiosk-1": v2, "kiosk-2": v1 }, unsettled: ["kiosk-1"] });
  expect(stopped.outputs["image"]).toBeUndefined();
  const planned = await kiosk.preview(program(v2));
  expect(planned.infos).toMatchInlineSnapshot(`
    [
      "rollout to 2222bbbb0002: confirm kiosk-1, then kiosk-2 (at most 1 unavailable; on failure: rollback)",
    ]
  `);
  expect(told(await kiosk.up(program(v2)))).toBe("");
  expect(machines.summary()).toEqual(["kiosk-1 2222 running", "kiosk-2 2222 running"]);
  expect(kiosk.stored?.state["unsettled"]).toBeUndefined();
});

test("data disks stay when that is asked for", async () => {
  const { kiosk, effects } = world();
  await kiosk.up(program(v1, { dataDisks: { data: { size: "1GiB" } }, onDelete: "keep" }));
  effects.take();
  await kiosk.destroy();
  expect(effects.take()).toEqual(["remove kiosk-1", "remove kiosk-2", "remove group"]);
  await kiosk.up(program(v1, { dataDisks: { data: { size: "1GiB" } } }));
  effects.take();
  await kiosk.destroy();
  expect(effects.take()).toEqual(["remove kiosk-1 and its data", "remove kiosk-2 and its data", "remove group"]);
});

test("machines are found again under the URN that they were made with", async () => {
  const { kiosk, machines } = world();
  await kiosk.up(program(v1));
  kiosk.name = "stall";
  expect(told(await kiosk.up(program(v2)))).toBe("");
  expect(machines.summary()).toEqual(["kiosk-1 2222 running", "kiosk-2 2222 running"]);
});

test("machines that another backend's state holds are left alone", async () => {
  const { kiosk, machines, effects } = world();
  await kiosk.up(program(v1));
  kiosk.stored = undefined;
  machines.strangers = new Failure({ kind: "environment", message: "They are somebody else's.", fix: "take another name." });
  effects.take();
  expect((await kiosk.preview(program(v2))).failure?.message).toBe("They are somebody else's.");
  expect((await kiosk.up(program(v2))).failure?.message).toBe("They are somebody else's.");
  expect([effects.take(), kiosk.stored]).toEqual([[], undefined]);
  machines.strangers = undefined;
  expect(told(await kiosk.up(program(v2)))).toBe("");
  expect(machines.summary()).toEqual(["kiosk-1 2222 running", "kiosk-2 2222 running"]);
});

test("a state that moved to another computer says so, makes the machines there, and stops nothing at a destroy", async () => {
  const { kiosk, machines } = world();
  await kiosk.up(program(v1));
  machines.groups.clear();
  const planned = await kiosk.preview(program(v1));
  expect(planned.warnings).toEqual(["since the last run: kiosk-1, kiosk-2 not on this computer"]);
  expect(planned.infos).toEqual(["rollout to 1111aaaa0001: start kiosk-1, kiosk-2"]);
  expect((await kiosk.destroy()).warnings).toEqual(["no machine of it is on this computer, so none was stopped"]);
});

test("a group whose machines cannot be asked keeps its state", async () => {
  const { kiosk, machines } = world();
  await kiosk.up(program(v1));
  const { stored } = kiosk;
  const fix = "use the version of the provider that wrote it, or remove the machine's folder.";
  machines.unreadable = new Failure({ kind: "environment", message: "machine.json cannot be read by this version.", fix });
  const { warnings } = await kiosk.refresh();
  expect(warnings).toMatchInlineSnapshot(`
    [
      "Could not tell what the machines of MachineGroup "kiosk" run: machine.json cannot be read by this version. Its state was kept. fix: use the version of the provider that wrote it, or remove the machine's folder.",
    ]
  `);
  expect(kiosk.stored).toEqual(stored);
});

test("a machine killed by hand is drift, and started again on its port", async () => {
  const { kiosk, machines, effects } = world();
  const made = await kiosk.up(program(v1));
  machines.kill("kiosk-2");
  effects.take();
  const drift = await kiosk.preview(program(v1));
  expect(drift.warnings).toEqual(["since the last run: kiosk-2 not running"]);
  expect(drift.changes).toEqual(['booted["kiosk-2"]']);
  expect(drift.infos).toEqual(["rollout to 1111aaaa0001: start kiosk-2"]);
  const mended = await kiosk.up(program(v1));
  expect(mended.outputs).toEqual(made.outputs);
  expect(effects.take()).not.toContain("stop kiosk-1");
});

test("offline, reads and previews believe the state", async () => {
  const { kiosk, machines, surroundings } = world();
  await kiosk.up(program(v1));
  machines.kill("kiosk-2");
  surroundings.offline = true;
  const planned = await kiosk.preview(program(v2));
  expect(planned.warnings).toEqual([]);
  expect(planned.infos).toEqual(["rollout to 2222bbbb0002: canary kiosk-1, then kiosk-2 (at most 1 unavailable; on failure: rollback)"]);
});

test("other settings restart the machines, one after the other; a fixed port is used", async () => {
  const { kiosk, effects } = world();
  await kiosk.up(program(v1));
  const wanted = program(v1, { memory: "2GiB", ports: { 80: { "kiosk-1": 8080 } } });
  const planned = await kiosk.preview(wanted);
  expect(planned.changes).toEqual(["memory", 'ports["80"]["kiosk-1"]']);
  expect(planned.infos).toEqual([
    "restart with changed settings: canary kiosk-1, then kiosk-2 (at most 1 unavailable; on failure: rollback)",
  ]);
  expect(planned.outputs["endpoints"]).toEqual({ "kiosk-1": { 80: "127.0.0.1:8080" }, "kiosk-2": { 80: "127.0.0.1:40001" } });
  effects.take();
  const changed = await kiosk.up(wanted);
  expect(changed.outputs).toMatchObject({ endpoints: planned.outputs["endpoints"] as ValueMap });
  expect(effects.take().filter((effect) => effect.startsWith("start"))).toEqual(["start kiosk-1 on 1111", "start kiosk-2 on 1111"]);
});

test("a name that is taken out stops its machine, a new one is started", async () => {
  const { kiosk, machines } = world();
  await kiosk.up(program(v1));
  const wanted = program(v1, { machines: ["kiosk-2", "kiosk-3"] });
  const planned = await kiosk.preview(wanted);
  expect(planned.infos).toEqual(["rollout to 1111aaaa0001: start kiosk-3\nstop kiosk-1"]);
  const changed = await kiosk.up(wanted);
  expect(changed.outputs).toMatchObject({ booted: { "kiosk-2": v1, "kiosk-3": v1 } });
  expect(machines.summary()).toEqual(["kiosk-2 1111 running", "kiosk-3 1111 running"]);
});

test("an index and its child are one image: no machine is restarted", async () => {
  const { kiosk, images, effects } = world();
  await kiosk.up(program(v1));
  const index = digest("4444dddd0004");
  images.descriptions.set(index, { digest: index, platformDigests: { "linux/amd64": v1, "linux/arm64": v2 }, sizeBytes: 1, labels: {} });
  effects.take();
  const changed = await kiosk.up(program(index));
  expect(changed.outputs).toMatchObject({ booted: { "kiosk-1": index, "kiosk-2": index }, image: `local/web@${index}` });
  expect(effects.take()).toEqual(["remember group"]);
  const again = await kiosk.up(program(index));
  expect([again.changes, again.warnings]).toEqual([[], []]);
});

test("an image that makes no disk leaves everything running, and says so", async () => {
  const { kiosk, disks } = world();
  await kiosk.up(program(v1));
  const fix = "install a kernel in the image, for example linux-image-amd64.";
  disks.unfit.set(v2, new Failure({ kind: "input", message: "Image local/web has no kernel in /boot or /usr/lib/modules.", fix }));
  const failed = await kiosk.up(program(v2));
  expect(told(failed)).toMatchInlineSnapshot(`
    "The rollout of 2222bbbb0002 to MachineGroup "kiosk" stopped at kiosk-1 (canary): Image local/web has no kernel in /boot or /usr/lib/modules. Not touched (1111aaaa0001): kiosk-1. Left alone (1111aaaa0001): kiosk-2.
    fix: install a kernel in the image, for example linux-image-amd64."
  `);
  expect(failed.outputs).toMatchObject({ booted: { "kiosk-1": v1, "kiosk-2": v1 } });
});

test("what is missing on this computer is said before anything is touched", async () => {
  const { kiosk, machines } = world();
  machines.missing = new Failure({ kind: "environment", message: "QEMU is missing.", fix: "install qemu-system-x86." });
  const failed = await kiosk.up(program(v1));
  expect(told(failed)).toBe("QEMU is missing.\nfix: install qemu-system-x86.");
  expect(kiosk.stored).toBeUndefined();
});

test("why emulation was chosen is said once", async () => {
  const { kiosk, machines } = world();
  machines.remark = "KVM does not work here, so machines are emulated: /dev/kvm is missing.";
  expect((await kiosk.up(program(v1))).warnings).toEqual([machines.remark]);
  expect((await kiosk.up(program(v2))).warnings).toEqual([]);
});

test.each([
  ["making the group", undefined, v1],
  ["swapping it", v1, v2],
  ["putting it back", v1, v3],
])("a death after any effect of %s: the next run goes on, and nothing is orphaned", async (_what, from, to) => {
  const crashes = await forEveryCrash(async (effectsBeforeCrash) => {
    const { kiosk, machines, effects } = world();
    machines.broken.add(v3);
    if (from !== undefined) await kiosk.up(program(from));
    effects.crashAfter(effectsBeforeCrash);
    const { crashed } = await kiosk.up(program(to));
    effects.revive();
    const done = await kiosk.up(program(to));
    const expected = to === v3 ? v1 : to;
    expect(done.failure?.code).toBe(to === v3 ? (crashed ? "rollout-stopped" : "rollout-refused") : undefined);
    expect(kiosk.stored?.state["booted"]).toEqual({ "kiosk-1": expected, "kiosk-2": expected });
    expect(machines.summary()).toEqual([`kiosk-1 ${expected.slice(7, 11)} running`, `kiosk-2 ${expected.slice(7, 11)} running`]);
    await kiosk.destroy();
    expect([...machines.groups]).toEqual([]);
    return { crashed };
  });
  expect(crashes).toBeGreaterThan(3);
});

test("a death after any effect of destroy: the next one finishes it", async () => {
  const crashes = await forEveryCrash(async (effectsBeforeCrash) => {
    const { kiosk, machines, effects } = world();
    await kiosk.up(program(v1));
    effects.crashAfter(effectsBeforeCrash);
    const { crashed } = await kiosk.destroy();
    effects.revive();
    await kiosk.destroy();
    expect([kiosk.stored, [...machines.groups]]).toEqual([undefined, []]);
    return { crashed };
  });
  expect(crashes).toBe(3);
});
