/** A MachineGroup whose state was lost: an import gets it back from what is kept beside the machines. */
import { expect, test } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import { machineGroupSpec } from "../../provider/resources/machine-group-spec.ts";
import { Secret, type ValueMap } from "../../provider/spec/value.ts";
import type { Lifecycle } from "./harness.ts";
import { program, told, v1, v2, v3, world } from "./kiosk-world.ts";

/** One value for every input, none of them the default. */
const everything: ValueMap = {
  machines: ["kiosk-2", "kiosk-1"],
  memory: "2GiB",
  cpus: 2,
  disk: { size: "4GiB", kernelArguments: ["quiet"] },
  ports: { 22: {}, 80: { "kiosk-1": 8080 } },
  dataDisks: { data: { size: "1GiB" } },
  sshAuthorizedKeys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEm0 oslo"],
  files: { "/etc/motd": "hello" },
  healthCheck: { ssh: { command: ["true"] }, timeoutSeconds: 60 },
  rollout: { canary: 0, maxUnavailable: "50%" },
  accelerator: "tcg",
  retryRejected: true,
  checks: { ignore: ["no-login"] },
  onDelete: "keep",
};

/** The state is gone; the machines run. */
function lose(kiosk: Lifecycle): void {
  kiosk.stored = undefined;
}

async function thrownBy(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "nothing",
    (thrown: unknown) => describeFailure(thrown as Failure),
  );
}

test("every input comes back: a program that says the same shows no diff, and files come back as secrets", async () => {
  const { kiosk, effects } = world();
  const wanted = program(v1, everything);
  const made = await kiosk.up(wanted);
  expect(told(made)).toBe("");
  expect(Object.keys(wanted).toSorted()).toEqual(
    Object.keys(machineGroupSpec.inputs)
      .filter((name) => name !== "booted")
      .toSorted(),
  );
  lose(kiosk);
  effects.take();
  const imported = await kiosk.import(kiosk.urn);
  expect(imported.warnings).toEqual([]);
  expect(imported.outputs).toEqual(made.outputs);
  const { files, ...rest } = kiosk.stored?.inputs ?? {};
  expect(files).toEqual(new Secret({ "/etc/motd": "hello" }));
  expect(rest).toMatchObject({ image: wanted["image"], machines: ["kiosk-2", "kiosk-1"], cpus: 2, onDelete: "keep" });
  const planned = await kiosk.preview(wanted);
  expect([planned.changes, planned.infos, planned.warnings, effects.take()]).toEqual([[], [], [], []]);
  const swapped = await kiosk.up({ ...wanted, image: `local/web@${v2}` });
  expect(told(swapped)).toBe("");
  expect(swapped.outputs).toMatchObject({ booted: { "kiosk-1": v2, "kiosk-2": v2 }, key: made.outputs["key"] });
});

test("what has its default is not said, nor what Check computes", async () => {
  const { kiosk } = world();
  await kiosk.up(program(v1));
  await kiosk.import(kiosk.urn);
  expect(kiosk.stored?.inputs).toEqual(program(v1));
  expect((await kiosk.preview(program(v1))).changes).toEqual([]);
});

test("under another name it is the same group", async () => {
  const { kiosk, machines } = world();
  await kiosk.up(program(v1));
  const { urn } = kiosk;
  lose(kiosk);
  kiosk.name = "stall";
  await kiosk.import(urn);
  expect(told(await kiosk.up(program(v2)))).toBe("");
  expect(machines.summary()).toEqual(["kiosk-1 2222 running", "kiosk-2 2222 running"]);
});

test("outputs are what the machines show, and an image that was taken back stays refused", async () => {
  const { kiosk, machines } = world();
  machines.broken.add(v3);
  await kiosk.up(program(v2));
  await kiosk.up(program(v3));
  machines.kill("kiosk-2");
  lose(kiosk);
  const imported = await kiosk.import(kiosk.urn);
  expect(imported.warnings).toEqual(["since the last run: kiosk-2 not running"]);
  expect(imported.outputs).toMatchObject({ booted: { "kiosk-1": v2 }, rejected: { digest: v3 } });
  expect(kiosk.stored).toMatchObject({ inputs: { image: `local/web@${v2}` } });
  expect((await kiosk.up(program(v3))).failure?.code).toBe("rollout-refused");
});

test("machines that were changed from elsewhere come with a warning", async () => {
  const { kiosk, machines } = world();
  await kiosk.up(program(v1));
  machines.elsewhere = "at 2026-11-22T12:00:00.000Z, from /home/ann/kiosks with another backend";
  expect((await kiosk.import(kiosk.urn)).warnings).toEqual([
    "these machines were changed last at 2026-11-22T12:00:00.000Z, from /home/ann/kiosks with another backend; a state there that still knows them has to forget them (pulumi state delete)",
  ]);
});

test("offline it answers what was kept, and asks no machine", async () => {
  const { kiosk, machines, surroundings } = world();
  const made = await kiosk.up(program(v1));
  machines.kill("kiosk-2");
  surroundings.offline = true;
  expect((await kiosk.import(kiosk.urn)).outputs).toEqual(made.outputs);
});

test("what is no key says where the keys are", async () => {
  const { kiosk } = world();
  expect(await thrownBy(kiosk.import("kiosk"))).toBe(
    '"kiosk" is not the key of a MachineGroup on this computer (in /state/qemu): there is none.\n' +
      "fix: run pulumi import on the computer where the machines are, as the user who made them.",
  );
  await kiosk.up(program(v1));
  expect(await thrownBy(kiosk.import("kiosk"))).toBe(
    '"kiosk" is not the key of a MachineGroup on this computer (in /state/qemu). There is:\n' +
      "  urn:pulumi:dev::shop::bootable:qemu:MachineGroup::kiosk\n" +
      "fix: give the whole key, in single quotes: pulumi import bootable:qemu:MachineGroup <name> 'urn:pulumi:dev::shop::bootable:qemu:MachineGroup::kiosk'.",
  );
});

test("machines that no run has ended with are not imported", async () => {
  const { kiosk, effects } = world();
  effects.crashAfter(2);
  expect((await kiosk.up(program(v1))).crashed).toBe(true);
  effects.revive();
  expect(await thrownBy(kiosk.import(kiosk.urn))).toBe(
    'MachineGroup "urn:pulumi:dev::shop::bootable:qemu:MachineGroup::kiosk" cannot be imported: no run that made its machines has ended, so nobody knows what its program said.\n' +
      "fix: run pulumi up with that program where it was run before: it goes on with the machines that are there.",
  );
});

test("what a newer provider kept is refused", async () => {
  const { kiosk, machines } = world();
  await kiosk.up(program(v1));
  const [key = "", memory = ""] = [...machines.memories][0] ?? [];
  machines.memories.set(key, memory.replace('"__stateVersion":1', '"__stateVersion":2'));
  expect(await thrownBy(kiosk.import(kiosk.urn))).toBe(
    'MachineGroup "urn:pulumi:dev::shop::bootable:qemu:MachineGroup::kiosk" was last changed by a newer bootable provider: its state has version 2, and this one reads versions up to 1. Nothing was changed.\n' +
      "fix: use the version of the provider that changed it last, or a newer one.",
  );
});

test("a run that cannot keep it is no failure", async () => {
  const { kiosk, machines } = world();
  machines.forgetful = new Error("ENOSPC: no space left on device");
  const made = await kiosk.up(program(v1));
  expect([told(made), made.warnings]).toEqual([
    "",
    ["what this run did could not be kept for a later pulumi import: ENOSPC: no space left on device"],
  ]);
  expect(kiosk.stored?.state).toMatchObject({ booted: { "kiosk-1": v1, "kiosk-2": v1 } });
});
