/** Images that machines do not come up on: what is put back, what is refused, and what a refusal must not keep down. */
import { expect, test } from "vitest";
import { program, told, v1, v2, v3, world } from "./kiosk-world.ts";

test("a broken image stops at the canary, is refused until it changes, and the next good one goes through", async () => {
  const { kiosk, machines, effects } = world();
  machines.broken.add(v3);
  await kiosk.up(program(v2));

  const failed = await kiosk.up(program(v3));
  expect(told(failed)).toMatchInlineSnapshot(`
    "The rollout of 3333cccc0003 to MachineGroup "kiosk" stopped at kiosk-1 (canary): Machine "kiosk-1" did not come up on 3333cccc0003. Put back on 2222bbbb0002: kiosk-1. Left alone (2222bbbb0002): kiosk-2.
    last lines of its console:
    Failed to start web.service.
    fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
  expect(failed.outputs).toMatchObject({ booted: { "kiosk-1": v2, "kiosk-2": v2 }, image: `local/web@${v2}`, rejected: { digest: v3 } });
  expect(machines.summary()).toEqual(["kiosk-1 2222 running", "kiosk-2 2222 running"]);

  effects.take();
  const warned = await kiosk.preview(program(v3));
  expect(warned.warnings).toMatchInlineSnapshot(`
    [
      "no rollout: 3333cccc0003 was taken back at 2026-11-22T12:00:00.000Z: Machine "kiosk-1" did not come up on 3333cccc0003.",
    ]
  `);
  const refused = await kiosk.up(program(v3));
  expect(told(refused)).toMatchInlineSnapshot(`
    "Image 3333cccc0003 was not rolled out to MachineGroup "kiosk" again: it was taken back at 2026-11-22T12:00:00.000Z, since Machine "kiosk-1" did not come up on 3333cccc0003.
    fix: correct the image, or set retryRejected to true to try this one once more."
  `);
  expect(effects.take()).toEqual(["remember group"]);

  const back = await kiosk.up(program(v2));
  expect([back.changes, told(back)]).toEqual([[], ""]);
  const forward = await kiosk.up(program(v1));
  expect(told(forward)).toBe("");
  expect(forward.outputs["rejected"]).toBeUndefined();
});

test("while an image is refused, who died is started again on what it ran, and the image stays refused", async () => {
  const { kiosk, machines, effects } = world();
  machines.broken.add(v3);
  await kiosk.up(program(v2));
  await kiosk.up(program(v3));
  machines.kill("kiosk-2");
  effects.take();
  const warned = await kiosk.preview(program(v3));
  expect(warned.warnings).toMatchInlineSnapshot(`
    [
      "since the last run: kiosk-2 not running",
      "no rollout: 3333cccc0003 was taken back at 2026-11-22T12:00:00.000Z: Machine "kiosk-1" did not come up on 3333cccc0003. Back to what worked: kiosk-2",
    ]
  `);
  expect(effects.take()).toEqual([]);
  const refused = await kiosk.up(program(v3, { machines: ["kiosk-2"] }));
  expect(told(refused)).toMatchInlineSnapshot(`
    "Image 3333cccc0003 was not rolled out to MachineGroup "kiosk" again: it was taken back at 2026-11-22T12:00:00.000Z, since Machine "kiosk-1" did not come up on 3333cccc0003. Back on 2222bbbb0002: kiosk-2.
    fix: correct the image, or set retryRejected to true to try this one once more."
  `);
  expect(machines.summary()).toEqual(["kiosk-1 2222 running", "kiosk-2 2222 running"]);
  expect(refused.outputs).toMatchObject({ booted: { "kiosk-1": v2, "kiosk-2": v2 }, rejected: { digest: v3 } });
  const later = await kiosk.up(program(v3));
  expect(later.failure?.code).toBe("rollout-refused");
  expect(told(await kiosk.up(program(v1)))).toBe("");
});

test("one broken image after another on new machines fails each time, and keeps the way back of those that had one", async () => {
  const { kiosk, machines, effects } = world();
  for (const image of [v2, v3]) machines.broken.add(image);
  await kiosk.up(program(v2));
  const again = await kiosk.up(program(v3));
  expect(told(again)).toMatchInlineSnapshot(`
    "The rollout of 3333cccc0003 to MachineGroup "kiosk" stopped at kiosk-1: Machine "kiosk-1" did not come up on 3333cccc0003. Left as it is (3333cccc0003, unhealthy): kiosk-1. Left alone (2222bbbb0002, unhealthy): kiosk-2.
    last lines of its console:
    Failed to start web.service.
    fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
  expect(told(await kiosk.up(program(v1)))).toBe("");
  expect(machines.summary()).toEqual(["kiosk-1 1111 running", "kiosk-2 1111 running"]);

  effects.onEffect = () => effects.log.at(-1) === "start kiosk-1 on 2222" && effects.crashAfter(0);
  expect((await kiosk.up(program(v2))).crashed).toBe(true);
  effects.onEffect = () => {};
  effects.revive();
  const back = await kiosk.up(program(v3));
  expect(told(back)).toMatchInlineSnapshot(`
    "The rollout of 3333cccc0003 to MachineGroup "kiosk" stopped at kiosk-1: Machine "kiosk-1" did not come up on 3333cccc0003. Put back on 1111aaaa0001: kiosk-1. Left alone (1111aaaa0001): kiosk-2.
    last lines of its console:
    Failed to start web.service.
    fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
  expect(machines.summary()).toEqual(["kiosk-1 1111 running", "kiosk-2 1111 running"]);
});

test("a first image that is broken fails, and fails again: what no rollout confirmed is never taken for done", async () => {
  const { kiosk, machines } = world();
  machines.broken.add(v3);
  const failed = await kiosk.up(program(v3));
  expect(told(failed)).toMatchInlineSnapshot(`
    "The rollout of 3333cccc0003 to MachineGroup "kiosk" stopped after 2 failures (failureBudget is 0), the last at kiosk-2: Machine "kiosk-2" did not come up on 3333cccc0003. Left as it is (3333cccc0003, unhealthy): kiosk-1, kiosk-2.
    last lines of its console:
    Failed to start web.service.
    fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
  expect(failed.outputs).toMatchObject({ rejected: { digest: v3 } });
  const again = await kiosk.up(program(v3));
  expect(again.failure?.code).toBe("rollout-refused");
  expect(told(await kiosk.up(program(v1)))).toBe("");
  expect(machines.summary()).toEqual(["kiosk-1 1111 running", "kiosk-2 1111 running"]);
});

test("retryRejected tries the same image once more", async () => {
  const { kiosk, machines } = world();
  machines.broken.add(v3);
  await kiosk.up(program(v2));
  await kiosk.up(program(v3));
  machines.broken.delete(v3);
  const tried = await kiosk.up(program(v3, { retryRejected: true }));
  expect(told(tried)).toBe("");
  expect(tried.outputs).toMatchObject({ booted: { "kiosk-1": v3, "kiosk-2": v3 } });
});
