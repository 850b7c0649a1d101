/** `pulumi import` of machines that run: the state of another backend, or a lost one, is got back. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { section, type EngineRun } from "./engine.ts";
import { messageOf, openPausedComputer, openPausedGroup } from "./paused-machines.ts";

const key = "urn:pulumi:dev::kiosks::bootable:qemu:MachineGroup::kiosk";
const token = "bootable:qemu:MachineGroup";

/** Times and folders made readable. */
function told(run: EngineRun, ...folders: readonly string[]): string {
  const text = folders.reduce((rest, folder, index) => rest.replaceAll(folder, `FOLDER-${index + 1}`), messageOf(run));
  return text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/gu, "TIME");
}

test("machines whose state is lost are imported: no diff, files covered in state, and the next image swaps them", async () => {
  const computer = await openPausedComputer(["one", "two"]);
  const [one = "", two = ""] = computer.versions;
  const [lost, found] = [await openPausedGroup(computer), await openPausedGroup(computer)];
  const said = {
    machines: ["kiosk-2", "kiosk-1"],
    ports: { 80: {} },
    files: { "/etc/token": { "fn::secret": "hunter2" } },
    rollout: { onFailure: "stop" },
  };
  lost.group({ image: one, ...said });
  await lost.up();
  const processes = computer.processes();
  const before = lost.outputs();

  const imported = await found.good("import", token, "kiosk", key, "--yes", "--skip-preview", "--protect=false", "--out", "found.yaml");
  expect(told(imported, lost.directory)).toMatchInlineSnapshot(
    `"warning: these machines were changed last at TIME, from FOLDER-1 with another backend; a state there that still knows them has to forget them (pulumi state delete)"`,
  );
  expect(section(imported.output, "Resources:")).toBe("+ 1 created\n  = 1 imported\n  2 changes");
  expect(found.outputs()).toEqual(before);
  expect(found.state().text).not.toContain("hunter2");
  // What the import wrote is a program as it stands.
  const written = readFileSync(join(found.directory, "found.yaml"), "utf8");
  found.program(written);
  await found.good("preview", "--expect-no-changes");
  found.group({ image: one, ...said });
  await found.good("preview", "--expect-no-changes");
  expect(computer.processes()).toEqual(processes);
  found.group({ image: two, ...said });
  await found.up();
  expect(found.outputs()).toMatchObject({ image: two, key });
  await found.good("destroy", "--yes", "--skip-preview");
  expect([computer.processes(), computer.groups()]).toEqual([[], []]);
});
