/** The engine's commands and options on a MachineGroup, with machines that never boot. */
import { expect, test } from "vitest";
import { section, type EngineRun } from "./engine.ts";
import { messageOf, openPausedComputer, openPausedGroup } from "./paused-machines.ts";

/** Hashes, times and folders made readable. */
function told(run: EngineRun, ...folders: readonly string[]): string {
  const text = folders.reduce((rest, folder, index) => rest.replaceAll(folder, `FOLDER-${index + 1}`), messageOf(run));
  return text
    .replaceAll(/\b[0-9a-f]{12,}\b/gu, "HASH")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/gu, "TIME")
    .replaceAll(/127\.0\.0\.1:\d+/gu, "127.0.0.1:PORT");
}

const unhealthy = { ports: { 80: {} }, healthCheck: { tcp: { port: 80 }, timeoutSeconds: 1 } };

test("a rejected image is a warning in preview, refused by up, tried again when told, and forgotten with another", async () => {
  const computer = await openPausedComputer(["one", "two"]);
  const [one = "", two = ""] = computer.versions;
  const stack = await openPausedGroup(computer);
  const up = async (): Promise<EngineRun> => stack.run("up", "--yes", "--skip-preview");
  const machines = ["kiosk-1"];
  stack.group({ image: one, machines, ...unhealthy });
  expect((await up()).exitCode).not.toBe(0);
  expect(told(await stack.run("preview"))).toMatchInlineSnapshot(`
    "warning: since the last run: kiosk-1 unhealthy
    warning: no rollout: HASH was taken back at TIME: Machine "kiosk-1" did not come up on HASH within 1 s: a connection to 127.0.0.1:PORT (guest port 80) did not answer."
  `);
  expect(told(await up())).toMatchInlineSnapshot(`
    "warning: since the last run: kiosk-1 unhealthy
    error: 1 error occurred:
    	* Image HASH was not rolled out to MachineGroup "kiosk" again: it was taken back at TIME, since Machine "kiosk-1" did not come up on HASH within 1 s: a connection to 127.0.0.1:PORT (guest port 80) did not answer.
    	  fix: correct the image, or set retryRejected to true to try this one once more."
  `);
  expect(stack.outputs()).toHaveProperty("rejected");
  await stack.good("refresh", "--yes", "--skip-preview");
  expect(stack.outputs()).toHaveProperty("rejected");

  stack.group({ image: one, machines, retryRejected: true });
  await stack.up();
  expect(stack.outputs()).not.toHaveProperty("rejected");
  stack.group({ image: two, machines });
  await stack.up();
  expect(stack.outputs()["image"]).toBe(two);
});

test("drift is seen by preview, not offline; refresh keeps it, a rename and a target are followed", async () => {
  const computer = await openPausedComputer(["one"]);
  const [image = ""] = computer.versions;
  const stack = await openPausedGroup(computer);
  stack.group({ image });
  await stack.up();
  const before = stack.outputs();
  expect(section((await stack.up()).output, "Resources:")).toBe("2 unchanged");
  for (const processId of computer.processes()) process.kill(processId, "SIGKILL");
  const preview = await stack.good("preview");
  expect(told(preview)).toMatchInlineSnapshot(`
    "warning: since the last run: kiosk-1, kiosk-2 not running
    rollout to HASH: start kiosk-1, kiosk-2"
  `);
  await stack.up("--target", "urn:pulumi:dev::kiosks::bootable:qemu:MachineGroup::kiosk");
  expect(stack.outputs()).toEqual(before);
  stack.group({ image }, { aliases: [{ name: "kiosk" }] }, "stall");
  await stack.up("--refresh");
  expect(stack.outputs()).toEqual(before);
  expect(computer.processes()).toHaveLength(4);
  for (const processId of computer.processes()) process.kill(processId, "SIGKILL");
  const offline = await openPausedGroup(computer, stack);
  offline.group({ image }, {}, "stall");
  expect(messageOf(await offline.good("preview", "--expect-no-changes"))).toBe("");
});

test("machines that a stack of another backend made are left to it, also when their name alone is imported", async () => {
  const computer = await openPausedComputer(["one", "two"]);
  const [one = "", two = ""] = computer.versions;
  const [mine, theirs] = [await openPausedGroup(computer), await openPausedGroup(computer)];
  mine.group({ image: one });
  await mine.up();
  const processes = computer.processes();
  theirs.group({ image: two });
  const refused = await theirs.run("up", "--yes", "--skip-preview");
  expect(told(refused, mine.directory, computer.root)).toMatchInlineSnapshot(`
    "error: Machines of urn:pulumi:dev::kiosks::bootable:qemu:MachineGroup::kiosk are on this computer already, and this stack's state does not know them: they were changed last at TIME, from FOLDER-1 with another backend. Nothing was changed by this run.
    fix: give the resource, the stack or the project another name; if the state that knew them is lost, remove FOLDER-2/state/bootable/qemu/kiosk-HASH/holder.json and run pulumi up again, which adopts them."
  `);
  expect((await theirs.run("preview")).exitCode).not.toBe(0);
  expect(computer.processes()).toEqual(processes);
  const imported = await theirs.run("import", "bootable:qemu:MachineGroup", "kiosk", "kiosk", "--yes", "--skip-preview");
  expect(told(imported, computer.root)).toMatchInlineSnapshot(`
    "error: "kiosk" is not the key of a MachineGroup on this computer (in FOLDER-1/state/bootable/qemu). There is:
      urn:pulumi:dev::kiosks::bootable:qemu:MachineGroup::kiosk
    fix: give the whole key, in single quotes: pulumi import bootable:qemu:MachineGroup <name> 'urn:pulumi:dev::kiosks::bootable:qemu:MachineGroup::kiosk'."
  `);
  expect(section((await mine.up()).output, "Resources:")).toBe("2 unchanged");
  await mine.good("destroy", "--yes", "--skip-preview");
  await theirs.up();
  expect(theirs.outputs()["image"]).toBe(two);
});
