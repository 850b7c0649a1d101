/** Providers that are killed, and two at once: machines outlive them, and the next run finds what is really there. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { describeFailure, Failure } from "../../provider/failure.ts";
import { groupPlaces, listNames } from "../../provider/hosts/qemu-record.ts";
import { isPartial, partialPath } from "../../provider/storage/atomic-file.ts";
import { qemu } from "../../provider/tools/qemu.ts";
import { runProgram, startDetached } from "../../provider/tools/process.ts";
import { isRunning } from "../tools/process-waiting.ts";
import { bringUp, digestOf, known, openWorkshop, signal, urn, type Workshop } from "./workshop.ts";

async function otherProvider(workshop: Workshop): Promise<ChildProcess> {
  const script = new URL("bring-up.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, workshop.folder], { detached: true, stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, "line")) as [string];
  expect(line).toBe("confirmed");
  return child;
}

test("a machine outlives the process group of its provider, which nobody else may disturb meanwhile", async () => {
  await using workshop = await openWorkshop();
  const child = await otherProvider(workshop);
  const driver = workshop.driver("v2");
  expect(await driver.observe("kiosk-1", signal)).toMatchObject({ health: "healthy", booted: digestOf("v1") });
  const refused: unknown = await driver.prepare("kiosk-1", digestOf("v2"), signal).catch((thrown: unknown) => thrown);
  const text = refused instanceof Failure ? describeFailure(refused) : String(refused);
  expect(text.replace(String(child.pid), "PID").replace(/since [^)]+/, "since TIME")).toMatchInlineSnapshot(`
    "The machines of urn:pulumi:dev::kiosks::bootable:qemu:MachineGroup::kiosk are being changed by another run of this provider (process PID, since TIME). Nothing was changed by this run.
    fix: wait until that run has ended, then run pulumi up again."
  `);

  const ended = once(child, "close");
  process.kill(-known(child.pid), "SIGKILL");
  await ended;
  const { health, processId } = await driver.observe("kiosk-1", signal);
  expect(health).toBe("healthy");
  expect(isRunning(known(processId))).toBe(true);
  expect(await bringUp(driver, "kiosk-1", "v2")).toBe("confirmed");
  expect(isRunning(known(processId))).toBe(false);
});

/** The real programs, one of which dies with the provider: its effect is there, nothing after it happens. */
function dyingAfter(step: keyof ReturnType<typeof qemu>): ReturnType<typeof qemu> {
  const programs = qemu(runProgram, startDetached);
  const real = programs[step] as (...args: unknown[]) => Promise<unknown>;
  const dies = async (...args: unknown[]): Promise<never> => {
    await real(...args);
    throw new Error("killed");
  };
  return { ...programs, [step]: dies };
}

test.each(["createOverlay", "createDisk", "copySparse", "start"] as const)(
  "a swap that ends in the middle of %s is gone on with",
  async (step) => {
    await using workshop = await openWorkshop();
    const settings = { "kiosk-1": { ports: { "80": undefined }, dataDisks: [{ name: "records", sizeBytes: 1024 ** 2 }] } };
    const dying = await openWorkshop({ qemu: dyingAfter(step) }, workshop.folder);
    await expect(dying.driver("v1", { settings }).swap("kiosk-1", digestOf("v1"), signal)).rejects.toThrow("killed");
    expect(await workshop.group.observe(undefined, signal)).toMatchObject([
      { name: "kiosk-1", health: step === "start" ? "healthy" : "absent" },
    ]);
    expect(await bringUp(workshop.driver("v1", { settings }), "kiosk-1", "v1")).toBe("confirmed");
    await workshop.driver("v1").settle("kiosk-1", signal);
    expect(await workshop.driver("v1").observe("kiosk-1", signal)).toMatchObject({
      health: "healthy",
      booted: digestOf("v1"),
      settled: true,
    });
  },
);

test("a swap that ends after the old machine was stopped keeps the way back", async () => {
  await using workshop = await openWorkshop();
  await bringUp(workshop.driver("v1"), "kiosk-1", "v1");
  await workshop.driver("v1").settle("kiosk-1", signal);
  const dying = await openWorkshop({ qemu: dyingAfter("start") }, workshop.folder);
  await expect(dying.driver("v2").swap("kiosk-1", digestOf("v2"), signal)).rejects.toThrow("killed");
  const { processId } = await workshop.driver("v2").observe("kiosk-1", signal);
  process.kill(known(processId), "SIGKILL");
  await expect.poll(() => isRunning(known(processId))).toBe(false);
  expect(await workshop.driver("v2").observe("kiosk-1", signal)).toMatchObject({ health: "absent", rollback: digestOf("v1") });
  expect((await workshop.driver("v2").rollBack("kiosk-1", digestOf("v1"), signal)).kind).toBe("confirmed");
  expect(await workshop.driver("v2").observe("kiosk-1", signal)).toMatchObject({ health: "healthy", booted: digestOf("v1") });
});

test("what a killed provider had half written goes with the next run, and keeps no folder", async () => {
  await using workshop = await openWorkshop();
  const places = groupPlaces(workshop.stateDirectory, urn);
  const halves = [join(places.data, "kiosk-1", "records.qcow2"), join(places.machines, "kiosk-1", "machine.json"), places.holder];
  for (const half of halves) {
    await mkdir(dirname(half), { recursive: true });
    await writeFile(partialPath(half), "half");
  }
  expect(await bringUp(workshop.driver("v1"), "kiosk-1", "v1")).toBe("confirmed");
  const left = await readdir(places.folder, { recursive: true });
  expect(left.filter(isPartial)).toEqual([]);
  await workshop.group.remove("kiosk-1", { dataDisks: true, signal });
  await workshop.group.removeGroup(signal);
  expect(await listNames(join(workshop.stateDirectory, "qemu"))).toEqual([]);
});

test("a process id that is another's by now is not taken for the machine", async () => {
  await using workshop = await openWorkshop();
  await bringUp(workshop.driver("v1"), "kiosk-1", "v1");
  const { console, processId } = await workshop.driver("v1").observe("kiosk-1", signal);
  const file = join(dirname(console), "qemu.pid");
  const own = await readFile(file, "utf8");

  await writeFile(file, `${process.pid}\n`);
  expect((await workshop.driver("v1").observe("kiosk-1", signal)).health).toBe("absent");
  await writeFile(file, own);
  expect((await workshop.driver("v1").observe("kiosk-1", signal)).processId).toBe(processId);
});

test("a base disk that is gone from the group is said, and made again by a swap", async () => {
  await using workshop = await openWorkshop();
  await bringUp(workshop.driver("v1"), "kiosk-1", "v1");
  await workshop.driver("v1").settle("kiosk-1", signal);
  await bringUp(workshop.driver("v2"), "kiosk-1", "v2");
  const { console } = await workshop.driver("v1").observe("kiosk-1", signal);
  const disk = await workshop.blankDisk("v1");
  await rm(join(dirname(console), "../../disks", `${disk.identity}.raw`));
  const lost: unknown = await workshop
    .driver("v2")
    .rollBack("kiosk-1", digestOf("v1"), signal)
    .catch((thrown: unknown) => thrown);
  const text = lost instanceof Failure ? describeFailure(lost) : String(lost);
  expect(text.replace(workshop.folder, "FOLDER").replaceAll(/[0-9a-f]{12,16}/g, "HASH")).toMatchInlineSnapshot(`
    "The disk under machine "kiosk-1" is gone (HASH in FOLDER/state/qemu/kiosk-HASH/disks), so it cannot be started.
    fix: run pulumi up: the machine is started from the image that the program names."
  `);
  expect((await workshop.driver("v2").observe("kiosk-1", signal)).health).toBe("healthy");
  expect(await bringUp(workshop.driver("v1"), "kiosk-1", "v1")).toBe("confirmed");
});
