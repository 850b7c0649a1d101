/** How long a machine that does not answer is waited for, look by look. */
import { expect, test } from "vitest";
import { Patience } from "../../provider/hosts/qemu-patience.ts";
import { digestOf, openWorkshop, signal } from "./workshop.ts";

const check = { tcp: { port: 80 }, timeoutSeconds: 120, intervalSeconds: 2 };
const asked = { folder: "/machines/kiosk-1", processId: 7, healthCheck: check };

test("who was mute a moment ago is waited for a second, who answered or was started again as long as ever", () => {
  let now = 0;
  const patience = new Patience(() => now);
  expect(patience.secondsFor(asked)).toBe(5);
  patience.learn(asked, false);
  expect(patience.secondsFor(asked)).toBe(1);
  expect(patience.secondsFor({ ...asked, processId: 8 })).toBe(5);
  expect(patience.secondsFor({ ...asked, healthCheck: { ...check, tcp: { port: 81 } } })).toBe(5);
  patience.learn(asked, true);
  expect(patience.secondsFor(asked)).toBe(5);
  patience.learn(asked, false);
  now = 29_000;
  patience.learn(asked, false);
  expect(patience.secondsFor(asked)).toBe(1);
  now = 30_000;
  expect(patience.secondsFor(asked)).toBe(5);
});

test("it is never more than the health check's own time, mute or not", () => {
  const patience = new Patience();
  const hasty = { ...asked, healthCheck: { ...check, timeoutSeconds: 3 } };
  expect(patience.secondsFor(hasty)).toBe(3);
  patience.learn(hasty, false);
  expect(patience.secondsFor(hasty)).toBe(1);
  expect(patience.secondsFor({ ...asked, healthCheck: undefined })).toBe(5);
});

test("a machine that did not come up is not waited for again by the looks that follow", async () => {
  await using workshop = await openWorkshop();
  const healthCheck = { tcp: { port: 80 }, timeoutSeconds: 5, intervalSeconds: 1 };
  const driver = workshop.driver("v1", { settings: { "kiosk-1": { ports: { "80": undefined } } }, healthCheck });
  await driver.swap("kiosk-1", digestOf("v1"), signal);
  expect((await driver.confirm("kiosk-1", digestOf("v1"), signal)).kind).toBe("unhealthy");
  const began = performance.now();
  for (let look = 0; look < 3; look++) expect(await driver.observe("kiosk-1", signal)).toMatchObject({ health: "unhealthy" });
  for (const facts of await workshop.group.observe(healthCheck, signal)) expect(facts.health).toBe("unhealthy");
  const seconds = (performance.now() - began) / 1000;
  console.log(`four looks at a machine that is mute, of 5 s each by themselves: ${seconds.toFixed(1)} s`);
});
