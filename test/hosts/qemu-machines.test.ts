/** The life of machines on real QEMU processes, with disks that hold no system: what the guest does is tested elsewhere. */
import { statSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { describeFailure, Failure } from "../../provider/failure.ts";
import { processesWith, until, isRunning } from "../tools/process-waiting.ts";
import { bringUp, digestOf, known, openWorkshop, plainSettings, signal, type Workshop } from "./workshop.ts";

async function folderOf(workshop: Workshop): Promise<string> {
  return dirname((await workshop.driver("v1").observe("kiosk-1", signal)).console);
}

function failureText(thrown: unknown, workshop: Workshop): string {
  const text = thrown instanceof Failure ? describeFailure(thrown) : String(thrown);
  return text.replaceAll(workshop.folder, "FOLDER").replaceAll(/[0-9a-f]{16}/g, "HASH");
}

test("a machine is made, swapped, settled and removed", async () => {
  await using workshop = await openWorkshop();
  const settings = { "kiosk-1": { ports: { "80": undefined } } };
  expect(await bringUp(workshop.driver("v1", { settings }), "kiosk-1", "v1")).toBe("confirmed");
  const first = await workshop.driver("v1").observe("kiosk-1", signal);
  expect(first).toMatchObject({ health: "healthy", booted: digestOf("v1"), settled: false });
  await workshop.driver("v1").settle("kiosk-1", signal);

  expect(await bringUp(workshop.driver("v2", { settings }), "kiosk-1", "v2")).toBe("confirmed");
  const second = await workshop.driver("v2").observe("kiosk-1", signal);
  expect(second).toMatchObject({ health: "healthy", booted: digestOf("v2"), rollback: digestOf("v1"), settled: false, ports: first.ports });
  expect(second.processId).not.toBe(first.processId);
  expect(isRunning(known(first.processId))).toBe(false);

  const folder = await folderOf(workshop);
  expect((await readdir(folder)).filter((name) => name.endsWith(".qcow2"))).toHaveLength(2);
  await workshop.driver("v2").settle("kiosk-1", signal);
  expect(await workshop.driver("v2").observe("kiosk-1", signal)).not.toHaveProperty("rollback");
  expect((await readdir(folder)).filter((name) => name.endsWith(".qcow2"))).toEqual(["system-2.qcow2"]);
  expect(await readdir(join(folder, "../../disks"))).toHaveLength(1);

  await workshop.group.remove("kiosk-1", { dataDisks: true, signal });
  await workshop.group.removeGroup(signal);
  expect(await readdir(join(workshop.stateDirectory, "qemu"))).toEqual([]);
  expect(processesWith(workshop.folder)).toEqual([]);
  expect(isRunning(known(second.processId))).toBe(false);
});

test("a failed swap goes back to the image and overlay of before", async () => {
  await using workshop = await openWorkshop();
  await bringUp(workshop.driver("v1"), "kiosk-1", "v1");
  await workshop.driver("v1").settle("kiosk-1", signal);
  const healthCheck = { http: { port: 80, path: "/", status: 200 }, timeoutSeconds: 1, intervalSeconds: 1 };
  const second = workshop.driver("v2", { settings: { "kiosk-1": { ports: { "80": undefined } } }, healthCheck });
  await second.swap("kiosk-1", digestOf("v2"), signal);
  const confirmation = await second.confirm("kiosk-1", digestOf("v2"), signal);
  expect(confirmation.kind).toBe("unhealthy");

  const back = await workshop.driver("v2").rollBack("kiosk-1", digestOf("v1"), signal);
  expect(back.kind).toBe("confirmed");
  const facts = await workshop.driver("v2").observe("kiosk-1", signal);
  expect(facts).toMatchObject({ health: "healthy", booted: digestOf("v1"), settled: true });
  expect(facts).not.toHaveProperty("rollback");
  expect((await readdir(await folderOf(workshop))).filter((name) => name.endsWith(".qcow2"))).toEqual(["system-1.qcow2"]);
  // Again, as after a crash: nothing is restarted.
  expect((await workshop.driver("v2").rollBack("kiosk-1", digestOf("v1"), signal)).kind).toBe("confirmed");
  expect((await workshop.driver("v2").observe("kiosk-1", signal)).processId).toBe(facts.processId);
});

test("a machine killed by hand is absent, and starts again on the same overlay and ports", async () => {
  await using workshop = await openWorkshop();
  const settings = { "kiosk-1": { ports: { "80": undefined } } };
  await bringUp(workshop.driver("v1", { settings }), "kiosk-1", "v1");
  await workshop.driver("v1").settle("kiosk-1", signal);
  const before = await workshop.driver("v1").observe("kiosk-1", signal);
  process.kill(known(before.processId), "SIGKILL");
  await until("the end of QEMU", () => !isRunning(known(before.processId)));

  const lost = await workshop.driver("v1").observe("kiosk-1", signal);
  expect(lost).toMatchObject({ health: "absent", rollback: digestOf("v1"), ports: before.ports });
  expect(lost).not.toHaveProperty("booted");
  expect(await bringUp(workshop.driver("v1", { settings }), "kiosk-1", "v1")).toBe("confirmed");
  const after = await workshop.driver("v1").observe("kiosk-1", signal);
  expect(after).toMatchObject({ health: "healthy", booted: digestOf("v1"), ports: before.ports, settled: true });
});

test("a staged overlay is shown, and taken away by a rollback to what runs", async () => {
  await using workshop = await openWorkshop();
  await bringUp(workshop.driver("v1"), "kiosk-1", "v1");
  await workshop.driver("v1").settle("kiosk-1", signal);
  await workshop.driver("v2").prepare("kiosk-1", digestOf("v2"), signal);
  const before = await workshop.driver("v2").observe("kiosk-1", signal);
  expect(before).toMatchObject({ booted: digestOf("v1"), staged: digestOf("v2"), health: "healthy" });
  await workshop.driver("v2").rollBack("kiosk-1", digestOf("v1"), signal);
  const after = await workshop.driver("v2").observe("kiosk-1", signal);
  expect(after).not.toHaveProperty("staged");
  expect(after.processId).toBe(before.processId);
});

test("other settings restart the machine on its own overlay; the cache may have lost the disk", async () => {
  await using workshop = await openWorkshop();
  await bringUp(workshop.driver("v1"), "kiosk-1", "v1");
  await workshop.driver("v1").settle("kiosk-1", signal);
  const hash = (await workshop.driver("v1").observe("kiosk-1", signal)).settingsHash;
  expect(hash).toBe(workshop.machines.settingsHash(plainSettings));
  const { path } = await workshop.blankDisk("v1");
  await rm(path);
  const settings = { "kiosk-1": { cpus: 2 } };
  const disk = await workshop.blankDisk("v1");
  await rm(disk.path);
  const driver = workshop.driver("v1", { settings, disk: async () => disk });
  await driver.swap("kiosk-1", digestOf("v1"), signal);
  const facts = await driver.observe("kiosk-1", signal);
  expect(facts).toMatchObject({ booted: digestOf("v1"), rollback: digestOf("v1"), settled: false });
  expect(facts.settingsHash).toBe(workshop.machines.settingsHash({ ...plainSettings, cpus: 2 }));
  expect((await readdir(await folderOf(workshop))).filter((name) => name.endsWith(".qcow2"))).toEqual(["system-1.qcow2"]);
});

test("data disks outlive swaps, grow, and are kept when the machine goes unless told otherwise", async () => {
  await using workshop = await openWorkshop();
  const of = (mebibytes: number) => ({ "kiosk-1": { dataDisks: [{ name: "records", sizeBytes: mebibytes * 1024 ** 2 }] } });
  await bringUp(workshop.driver("v1", { settings: of(8) }), "kiosk-1", "v1");
  await bringUp(workshop.driver("v2", { settings: of(16) }), "kiosk-1", "v2");
  const before = await workshop.driver("v2").observe("kiosk-1", signal);
  const shrunk = await workshop
    .driver("v3", { settings: of(12) })
    .prepare("kiosk-1", digestOf("v3"), signal)
    .catch((thrown: unknown) => thrown);
  expect(failureText(shrunk, workshop)).toMatchInlineSnapshot(`
    "dataDisks: disk "records" of machine "kiosk-1" has 16 MiB, and 12 MiB is wanted; a data disk can only grow
    fix: set its size to 16MiB or more, or give the smaller disk another name."
  `);
  expect((await workshop.driver("v2").observe("kiosk-1", signal)).processId).toBe(before.processId);
  const data = join(await folderOf(workshop), "../../data/kiosk-1");
  await workshop.group.remove("kiosk-1", { dataDisks: false, signal });
  expect(await readdir(data)).toEqual(["records.qcow2"]);
  await workshop.group.removeGroup(signal);
  expect(await readdir(data)).toEqual(["records.qcow2"]);
});

test("a fixed port that is taken stops the swap before the machine stops", async () => {
  await using workshop = await openWorkshop();
  await bringUp(workshop.driver("v1"), "kiosk-1", "v1");
  const before = await workshop.driver("v1").observe("kiosk-1", signal);
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
  );
  const driver = workshop.driver("v2", { settings: { "kiosk-1": { ports: { "80": port } } } });
  const refused = await driver.swap("kiosk-1", digestOf("v2"), signal).catch((thrown: unknown) => thrown);
  const text = failureText(refused, workshop).replaceAll(String(port), "PORT").replace(String(process.pid), "PID");
  expect(text).toMatchInlineSnapshot(`
    "Port PORT on 127.0.0.1, which machine "kiosk-1" forwards to its port 80, is taken by node (process PID). The machine was left as it was.
    fix: end that program, set ports to another number for guest port 80, or leave the number out."
  `);
  expect((await workshop.driver("v1").observe("kiosk-1", signal)).processId).toBe(before.processId);
  await new Promise((closed) => server.close(closed));
  await driver.swap("kiosk-1", digestOf("v2"), signal);
  expect((await driver.observe("kiosk-1", signal)).ports).toEqual({ "80": port });
});

test("a machine that does not come up is told with the last lines of its console", async () => {
  await using workshop = await openWorkshop();
  const healthCheck = { tcp: { port: 22 }, timeoutSeconds: 4, intervalSeconds: 1 };
  const driver = workshop.driver("v1", { settings: { "kiosk-1": { ports: { "22": undefined } } }, healthCheck });
  await driver.swap("kiosk-1", digestOf("v1"), signal);
  const port = (await workshop.driver("v1").observe("kiosk-1", signal)).ports["22"];
  const confirmation = await driver.confirm("kiosk-1", digestOf("v1"), signal);
  const reason = confirmation.kind === "confirmed" ? undefined : confirmation.reason;
  expect(confirmation.kind).toBe("unhealthy");
  expect(reason?.message.replace(String(port), "PORT")).toMatchInlineSnapshot(
    `"Machine "kiosk-1" did not come up on 3bfc269594ef within 4 s: a connection to 127.0.0.1:PORT (guest port 22) did not answer."`,
  );
  expect(failureText(reason, workshop).split("\n").at(-1)).toMatchInlineSnapshot(
    `"fix: look at its whole console in FOLDER/state/qemu/kiosk-HASH/machines/kiosk-1/console.log."`,
  );
  // On a busy machine the firmware may not have written anything yet.
  const { console } = await workshop.driver("v1").observe("kiosk-1", signal);
  await until("a first line on the console", () => statSync(console).size > 0);
});

test("Ctrl-C ends waiting at once and the started machine stays known", async () => {
  await using workshop = await openWorkshop();
  const healthCheck = { http: { port: 80, path: "/", status: 200 }, timeoutSeconds: 600, intervalSeconds: 5 };
  const driver = workshop.driver("v1", { settings: { "kiosk-1": { ports: { "80": undefined } } }, healthCheck });
  await driver.swap("kiosk-1", digestOf("v1"), signal);
  const stop = new AbortController();
  const began = performance.now();
  const waiting = driver.confirm("kiosk-1", digestOf("v1"), stop.signal);
  setTimeout(() => stop.abort(), 300);
  expect((await waiting).kind).toBe("unconfirmed");
  expect(performance.now() - began).toBeLessThan(2000);
  expect(await driver.observe("kiosk-1", signal)).toMatchObject({ health: "restarting", booted: digestOf("v1") });
});
