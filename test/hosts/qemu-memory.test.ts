/** What is kept beside a group's machines for an import: whole, for the user alone, gone with the group. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import { openWorkshop, signal, urn, type Workshop } from "./workshop.ts";

const told = { args: { memory: "1GiB", files: { "/etc/token": "hunter2" } }, state: { key: urn, booted: {} } };

/** The file of the only group, and the folder around it. */
function memoryOf({ stateDirectory }: Workshop): { readonly folder: string; readonly path: string } {
  const [name = ""] = readdirSync(join(stateDirectory, "qemu"));
  const folder = join(stateDirectory, "qemu", name);
  return { folder, path: join(folder, "group.json") };
}

test("is recalled as it was told, readable by the user alone, and goes with the group", async () => {
  await using workshop = await openWorkshop();
  const { group, machines, stateDirectory } = workshop;
  expect(await group.recall()).toBeUndefined();
  expect(await machines.list()).toEqual({ directory: join(stateDirectory, "qemu"), keys: [] });
  await group.remember({ ...told, args: {} });
  await group.remember(told);
  expect(await group.recall()).toEqual(told);
  const { folder, path } = memoryOf(workshop);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["group.json"]);
  await group.removeGroup(signal);
  expect([await group.recall(), (await machines.list()).keys, existsSync(folder)]).toEqual([undefined, [], false]);
});

test("lists the keys of all groups, also of those with nothing but machines, and passes over what is none", async () => {
  await using workshop = await openWorkshop();
  const { group, machines, stateDirectory } = workshop;
  const other = machines.group("acme/urn:pulumi:dev::shop::bootable:qemu:MachineGroup::web");
  await group.remember(told);
  await other.remember(told);
  for (const name of ["lost+found", "young/machines/web-1", "young/machines/half"]) {
    mkdirSync(join(stateDirectory, "qemu", name), { recursive: true });
  }
  const record = { version: 1, key: "urn:young", name: "web-1", settled: false, lastNumber: 0 };
  writeFileSync(join(stateDirectory, "qemu/young/machines/web-1/machine.json"), JSON.stringify(record));
  writeFileSync(join(stateDirectory, "qemu/a file"), "");
  expect((await machines.list()).keys).toEqual(["acme/urn:pulumi:dev::shop::bootable:qemu:MachineGroup::web", urn, "urn:young"].toSorted());
});

test("says who changed the machines last, unless it was this folder and backend", async () => {
  await using workshop = await openWorkshop();
  const { group } = workshop;
  await group.remember(told);
  const { folder } = memoryOf(workshop);
  const holder = { processId: 1, since: "2026-11-22T12:00:00.000Z", directory: process.cwd() };
  writeFileSync(join(folder, "holder.json"), JSON.stringify(holder));
  expect(await group.recall()).toEqual(told);
  writeFileSync(join(folder, "holder.json"), JSON.stringify({ ...holder, directory: "/home/ann/kiosks" }));
  expect(await group.recall()).toEqual({ ...told, elsewhere: "at 2026-11-22T12:00:00.000Z, from /home/ann/kiosks" });
});

test.each(["", "{", "null", "[]", '{"version": 2}', '{"version": 1, "key": "a", "args": [], "state": {}}'])(
  "%o is nothing that can be imported",
  async (text) => {
    await using workshop = await openWorkshop();
    const { group, machines } = workshop;
    await group.remember(told);
    const { path } = memoryOf(workshop);
    writeFileSync(path, text);
    const thrown = await group.recall().catch((error: unknown) => error);
    expect(describeFailure(thrown as Failure)).toBe(
      `${path} does not say what a group's program said in words that this version of the provider can read.\n` +
        "fix: use the version of the provider that wrote it, or declare the group in a program as it was.",
    );
    expect((await machines.list()).keys).toEqual([]);
    expect(readFileSync(path, "utf8")).toBe(text);
  },
);

test("a state folder that cannot be read is named, with what moves it", async () => {
  await using workshop = await openWorkshop();
  const { group, machines, stateDirectory } = workshop;
  mkdirSync(stateDirectory);
  writeFileSync(join(stateDirectory, "qemu"), "a file");
  const told = (work: Promise<unknown>): Promise<string> => work.then(String, (error: Failure) => describeFailure(error));
  const fix = "and that cannot be used (ENOTDIR).\nfix: set XDG_STATE_HOME to a folder that you may write to.";
  expect(await told(machines.list())).toBe(`Machines are kept in ${stateDirectory}/qemu, ${fix}`);
  expect(await told(group.observe(undefined, signal))).toMatch(
    new RegExp(`^Machines are kept in ${stateDirectory}/qemu/kiosk-[0-9a-f]{16}/machines, ${fix.replaceAll(/[().]/g, "\\$&")}$`),
  );
  rmSync(join(stateDirectory, "qemu"));
});
