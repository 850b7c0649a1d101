import { expect, test } from "vitest";
import { diffInputs, isIgnored, refusedChanges } from "../../provider/spec/diff.ts";
import { formatPath, Secret, unknown, type Value, type ValueMap } from "../../provider/spec/value.ts";
import { spec } from "./sample.ts";
import { singleChanges } from "./single-changes.ts";

const base = {
  context: ".",
  format: "raw",
  memory: "1GiB",
  count: 1,
  ratio: 0.5,
  enabled: true,
  share: 1,
  tags: ["a", "b"],
  ports: { web: 80, ssh: 22 },
  machines: { a: { name: "a", size: "1GiB" } },
  volumes: [{ name: "v", size: "1GiB" }],
  disk: { size: "1GiB", filesystem: "ext4", kernelArguments: [], engine: "auto", rootSshAuthorizedKeys: [] },
  healthCheck: { tcp: { port: 80 }, timeoutSeconds: 300, intervalSeconds: 2 },
  password: new Secret("p"),
  place: "here",
  hash: "h1",
  sources: { "www/index.html": "1" },
} satisfies ValueMap;

function changesOf(now: ValueMap, old: ValueMap = base): string[] {
  return diffInputs(spec.inputs, old, now).map(({ kind, path }) => `${kind} ${formatPath(path)}`);
}

test("the base state has no changes against itself", () => {
  expect(changesOf(base)).toEqual([]);
});

test.each(singleChanges(spec.inputs))("a change of $path shows, and nothing else does", ({ path, decided, before, after }) => {
  const shown = path === "remark" || decided ? [] : [path];
  expect(diffInputs(spec.inputs, before, after).map((change) => formatPath(change.path))).toEqual(shown);
});

test.each<[string, ValueMap, string[]]>([
  ["an ignored property", { remark: "x" }, []],
  ["order of map keys", { ports: { ssh: 22, web: 80 } }, []],
  ["secrecy", { context: new Secret("."), password: "p", tags: [new Secret("a"), "b"] }, []],
  ["a map entry", { ports: { web: 81, new: 1 } }, ["update ports.web", "delete ports.ssh", "add ports.new"]],
  ["keys that are no words", { sources: { "www/index.html": "2" } }, ['update sources["www/index.html"]']],
  ["a field of an object", { disk: { size: "2GiB" } }, ["update disk.size"]],
  ["a field inside a list", { volumes: [{ name: "w", size: "1GiB" }, { name: "x" }] }, ["update volumes[0].name", "add volumes[1]"]],
  ["a list", { tags: ["a", "c", "d"] }, ["update tags[1]", "add tags[2]"]],
  ["a shorter list", { tags: [] }, ["delete tags[0]", "delete tags[1]"]],
  ["another kind of value", { count: "1" }, ["update count"]],
  ["an unknown", { tags: ["a", unknown], hash: new Secret(unknown) }, ["update tags[1]", "update hash"]],
  ["null for a value", { memory: null }, ["delete memory"]],
  ["null for a default", { format: null }, []],
  ["a default said out loud", { machines: { a: { name: "a" } } }, []],
])("knows what %s means", (_, changed, expected) => {
  expect(changesOf({ ...base, ...changed })).toEqual(expected);
});

test("an upgrade is no change: a property with a default came, another went", () => {
  const { share: _, ...older } = base;
  expect(changesOf(base, { ...older, dropped: true, disk: { ...base.disk, gone: 1 } })).toEqual([]);
});

test.each<[Value | undefined, Value | undefined, string[]]>([
  ["here", "there", ['cannot change from "here" to "there"; make a second Sample']],
  [undefined, "there", []],
  ["there", undefined, ['cannot change from "there" to "here"; make a second Sample']],
  [new Secret("a"), new Secret("b"), ['cannot change from "[secret]" to "[secret]"; make a second Sample']],
  [new Secret("a"), "a", []],
  ["here", unknown, []],
  ["here", "here", []],
])("place from %o to %o", (was, is, expected) => {
  const given = (place: Value | undefined): ValueMap => ({ context: ".", ...(place === undefined ? {} : { place }) });
  const refused = refusedChanges(spec.inputs, given(was), given(is));
  expect(refused.map(({ reason }) => reason)).toEqual(expected);
  expect(refused.every(({ path }) => formatPath(path) === "place")).toBe(true);
});

test("what an earlier version could not store yet may be set", () => {
  const inputs = { ...spec.inputs, context: { ...spec.inputs.context, onChange: "refuse", instead: "start anew" } } as const;
  expect(refusedChanges(inputs, { tags: ["a"] }, { context: "." })).toEqual([]);
  const optional = { remark: { ...spec.inputs.remark, onChange: "refuse", instead: "start anew" } } as const;
  expect(refusedChanges(optional, { tags: ["a"] }, { remark: "x" })).toEqual([
    { path: ["remark"], reason: 'cannot change from nothing to "x"; start anew' },
  ]);
});

test("ignoreChanges holds for a path and all below it", () => {
  const change = { path: ["sources", "www/index.html"], kind: "update", inputDiff: true } as const;
  expect(isIgnored(change, ["sources"])).toBe(true);
  expect(isIgnored(change, ['sources["www/index.html"]'])).toBe(true);
  expect(isIgnored(change, ["hash", "source"])).toBe(false);
});
