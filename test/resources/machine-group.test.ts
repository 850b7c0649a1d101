/** Check and Diff of a MachineGroup as tables: every message whole, every property seen. */
import { expect, test } from "vitest";
import { machineGroupSpec, type MachineGroupPorts } from "../../provider/resources/machine-group-spec.ts";
import { machineGroup } from "../../provider/resources/machine-group.ts";
import { driftText } from "../../provider/resources/machine-group-state.ts";
import { keyOf } from "../../provider/resources/machine-group-target.ts";
import type { MachineFacts } from "../../provider/resources/ports.ts";
import type { Input } from "../../provider/spec/property.ts";
import { formatPath, unknown, type ValueMap } from "../../provider/spec/value.ts";
import { newImage, oldImage } from "../fakes/fleets.ts";
import { testContext } from "../spec/sample.ts";
import { singleChanges } from "../spec/single-changes.ts";

const resource = machineGroup({} as MachineGroupPorts);
const good: ValueMap = { image: `local/web@${newImage}`, machines: ["kiosk-1", "kiosk-2"], ports: { 80: {} } };

async function problems(change: ValueMap): Promise<string[]> {
  const { failures } = await resource.check({ context: testContext(), newInputs: { ...good, ...change } });
  return failures.map(({ path, reason }) => `${formatPath(path)}: ${reason}`);
}

test.each<[ValueMap, string[]]>([
  [{}, []],
  [{ machines: ["kiosk-1", "kiosk-2", "kiosk-1"] }, ['machines[2]: "kiosk-1" is there twice']],
  [
    { machines: ["Kiosk 1"] },
    ['machines[0]: "Kiosk 1" is no name for a machine; use 1 to 63 lower-case letters, digits and inner dashes, such as web-1'],
  ],
  [{ image: "local/web:1" }, ['image: "local/web:1" can mean another image tomorrow; pin it as registry/repository@sha256:<digest>']],
  [{ memory: "512" }, ['memory: "512" is no size; write a number and one of B, KiB, MiB, GiB and TiB, such as 10GiB']],
  [{ cpus: 0 }, ["cpus: 0 is too small; write 1 or more"]],
  [{ disk: { filesystem: "xfs" } }, []],
  [{ disk: { platform: "linux/arm64/v8" } }, []],
  [
    { disk: { platform: "linux/riscv64" } },
    ['disk.platform: "linux/riscv64" is not one that machines can be started for here; use linux/amd64 or linux/arm64'],
  ],
  [{ ports: { http: {} } }, ['ports.http: the key "http" is no port; write 1 to 65535']],
  [{ ports: { 80: { "kiosk-3": 8080 } } }, ['ports["80"]["kiosk-3"]: "kiosk-3" is not one of the machines']],
  [
    { ports: { 80: { "kiosk-1": 8080 }, 443: { "kiosk-2": 8080 } } },
    ['ports["443"]["kiosk-2"]: 8080 is forwarded to port 80 of "kiosk-1" already; one port leads to one place'],
  ],
  [
    { healthCheck: { http: { port: 8000 } } },
    ['healthCheck.http.port: port 8000 is not forwarded, so nobody can ask there; add {"8000": {}} to ports'],
  ],
  [
    { healthCheck: { tcp: { port: 22 } } },
    ['healthCheck.tcp.port: port 22 is not forwarded, so nobody can ask there; add {"22": {}} to ports'],
  ],
  [
    { healthCheck: { ssh: { command: ["true"] } } },
    ['healthCheck.ssh: port 22 is not forwarded, so nobody can ask there; add {"22": {}} to ports'],
  ],
  [{ healthCheck: { http: { port: 80 } } }, []],
  [{ files: { "etc/motd": "" } }, ['files["etc/motd"]: the key "etc/motd" is no absolute path of a file in the guest, such as /etc/motd']],
  [
    { files: { "/etc/../x": "" } },
    ['files["/etc/../x"]: the key "/etc/../x" is no absolute path of a file in the guest, such as /etc/motd'],
  ],
  [{ files: { "/etc/motd.d/..more": "" } }, []],
  [
    { dataDisks: { "a disk with a long name": { size: "1GiB" } } },
    [
      'dataDisks["a disk with a long name"]: the key "a disk with a long name" is no name for a data disk; use 1 to 20 lower-case letters, digits and inner dashes, such as data',
    ],
  ],
  [
    { rollout: { maxUnavailable: 0 } },
    ['rollout.maxUnavailable: 0 would let no host move; write a number from 1, or a share from "1%" to "100%"'],
  ],
  [{ machines: ["a", "a"], ports: { 80: { b: 1 } } }, ['machines[1]: "a" is there twice', 'ports["80"].b: "b" is not one of the machines']],
  [{ machines: unknown, ports: { 80: { "kiosk-9": 8080 } } }, []],
  [{ ports: unknown, healthCheck: { http: { port: 8000 } } }, []],
])("check of %j", async (change, expected) => {
  expect(await problems(change)).toEqual(expected);
});

test.each<[ValueMap, ValueMap[string]]>([
  [{}, { "kiosk-1": newImage, "kiosk-2": newImage }],
  [{ image: unknown }, { "kiosk-1": unknown, "kiosk-2": unknown }],
  [{ machines: ["kiosk-1", unknown] }, unknown],
  [{ booted: { "kiosk-1": oldImage } }, { "kiosk-1": oldImage }],
])("what each machine is to run, of %j", async (change, expected) => {
  const { inputs } = await resource.check({ context: testContext(), newInputs: { ...good, ...change } });
  expect(inputs["booted"]).toEqual(expected);
});

const state: ValueMap = { booted: { a: oldImage }, endpoints: {}, consoles: {}, accelerator: "tcg", key: "urn" };
const counted = Object.entries(machineGroupSpec.inputs).filter(
  ([name, input]: [string, Input]) => name !== "booted" && input.onChange !== "ignore",
);

test.each(singleChanges(Object.fromEntries(counted)))("$path alone is an update", ({ path, decided, before, after }) => {
  const base = { booted: { a: oldImage } };
  const sides = { oldInputs: { ...base, ...before }, newInputs: { ...base, ...after } };
  const changes = resource.diff({ id: "kiosk", oldState: state, ignoreChanges: [], ...sides });
  expect(changes.map((change) => formatPath(change.path))).toEqual(decided ? [] : [path]);
});

test.each<[string, ValueMap, ValueMap, string[]]>([
  ["the same", { booted: { a: oldImage } }, { a: oldImage }, []],
  ["another image", { booted: { a: oldImage } }, { a: newImage }, ["update booted.a"]],
  ["not built yet", { booted: { a: oldImage } }, { a: unknown }, ["update booted.a"]],
  ["one that does not run", { booted: {} }, { a: oldImage }, ["add booted.a"]],
  ["one that left", { booted: { a: oldImage, b: oldImage } }, { a: oldImage }, ["delete booted.b"]],
  ["one that nobody confirmed", { booted: { a: oldImage }, unsettled: ["a"] }, { a: oldImage }, ["update booted.a"]],
])("diff of %s", (...[, outputs, booted, expected]) => {
  const oldInputs = { booted: { a: newImage, b: newImage } };
  const changes = resource.diff({ id: "kiosk", oldState: { ...state, ...outputs }, oldInputs, newInputs: { booted }, ignoreChanges: [] });
  expect(changes.map(({ kind, path }) => `${kind} ${formatPath(path)}`)).toEqual(expected);
  expect(changes.every(({ inputDiff }) => !inputDiff)).toBe(true);
});

test("drift is one line, alike machines together", () => {
  const facts = (name: string, rest: Partial<MachineFacts>): MachineFacts => ({
    name,
    health: "healthy",
    labels: {},
    ports: {},
    console: "",
    ...rest,
  });
  const before = { a: oldImage, b: oldImage, c: oldImage, d: oldImage, e: oldImage };
  const seen = [
    facts("a", { booted: oldImage }),
    facts("b", { health: "absent" }),
    facts("c", { booted: newImage }),
    facts("d", { booted: oldImage, health: "unhealthy" }),
  ];
  expect(driftText(before, seen)).toBe("b not running; c on 77aa41c09d12 instead of 9f2c41aa08d1; d unhealthy; e not on this computer");
});

test("a group is found by what its state says, else by organization and URN", () => {
  const context = { ...testContext(), urn: "urn:1" };
  expect(keyOf(undefined, { ...context, organization: "organization" })).toBe("urn:1");
  expect(keyOf(undefined, { ...context, organization: "acme" })).toBe("acme/urn:1");
  expect(keyOf({ booted: {}, endpoints: {}, consoles: {}, accelerator: "tcg", key: "urn:0" }, context)).toBe("urn:0");
});
