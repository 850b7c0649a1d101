import { describe, expect, test } from "vitest";
import { describeFailure, Failure } from "../../provider/failure.ts";
import type { Handlers } from "../../provider/spec/handlers.ts";
import { resourceSpec, serve } from "../../provider/spec/resource.ts";
import { Secret, unknown, type ValueMap } from "../../provider/spec/value.ts";
import { handlers, spec, testContext, type Args, type Given, type State } from "./sample.ts";

const defaults = { format: "raw", enabled: true, share: 1, tags: [], place: "here" };
const inputs = { context: ".", ...defaults, hash: "h1" };

type Changed = Partial<Handlers<Args, State, Given>>;

async function messageOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (thrown) {
    if (thrown instanceof Failure) return describeFailure(thrown);
    throw thrown;
  }
  return "";
}

describe("check", () => {
  const check = (newInputs: ValueMap, changed: Changed = {}, oldInputs?: ValueMap) =>
    serve(spec, handlers(changed)).check({ context: testContext(), newInputs, ...(oldInputs === undefined ? {} : { oldInputs }) });

  test("answers the inputs with defaults and derived ones, and nothing else", async () => {
    expect(await check({ context: "." })).toEqual({ inputs, failures: [] });
  });

  test("keeps what a user derived, and shows handlers bare values", async () => {
    let seen: unknown;
    const changed: Changed = {
      check(request) {
        seen = request;
        return Promise.resolve({ derived: { hash: "computed", sources: { a: "1" } } });
      },
    };
    const given = { context: new Secret("."), tags: new Secret([unknown]), hash: "mine" };
    const answer = await check(given, changed, { context: "..", dropped: 1 });
    expect(answer).toEqual({ inputs: { ...defaults, ...given, sources: { a: "1" } }, failures: [] });
    expect(seen).toMatchObject({
      args: { ...defaults, context: ".", tags: [unknown], hash: "mine" },
      old: { ...defaults, context: ".." },
    });
  });

  test("without stored inputs nothing is refused, and handlers see no old ones", async () => {
    let seen: object = {};
    const changed: Changed = {
      check(request) {
        seen = request;
        return Promise.resolve({ derived: { hash: "h1" } });
      },
    };
    expect(await check({ ...inputs, place: "there" }, changed, {})).toEqual({ inputs: { ...inputs, place: "there" }, failures: [] });
    expect(Object.hasOwn(seen, "old")).toBe(false);
  });

  test("what an import read is answered as it is, though a required input could not be read", async () => {
    for (const read of [{}, { tags: ["a"] }]) expect(await check(read, {}, read)).toEqual({ inputs: read, failures: [] });
    const missing = { path: ["context"], reason: "is missing, and it is required" };
    expect((await check({ tags: ["b"] }, {}, { tags: ["a"] })).failures).toEqual([missing]);
    expect((await check({ tags: ["a"] })).failures).toEqual([missing]);
  });

  test("a derived input may be unknown", async () => {
    const changed: Changed = { check: () => Promise.resolve({ derived: { hash: unknown } }) };
    expect(await check({ context: unknown }, changed)).toEqual({ inputs: { ...inputs, context: unknown, hash: unknown }, failures: [] });
  });

  test("reports the spec's problems, refused changes and the handler's failures together", async () => {
    const changed: Changed = {
      check: ({ args }) => Promise.resolve({ failures: args.context === unknown ? [] : [{ path: ["context"], reason: "is no folder" }] }),
    };
    const given = { context: "gone", count: "5", place: "there" };
    expect(await check(given, changed, inputs)).toEqual({
      inputs: given,
      failures: [
        { path: ["count"], reason: '"5" is a string; write a whole number' },
        { path: ["place"], reason: 'cannot change from "here" to "there"; make a second Sample' },
        { path: ["context"], reason: "is no folder" },
      ],
    });
    expect((await check({ ...given, context: 4 }, changed)).failures).toHaveLength(2);
  });

  test.each<[Changed["check"], string]>([
    [() => Promise.resolve({}), "bootable:test:Sample did not derive its inputs hash."],
    [
      () => Promise.resolve({ derived: { hash: "h", context: "x" } }),
      "bootable:test:Sample derived inputs that do not fit its description.\ncontext: is not a property of bootable:test:Sample derived inputs; it has hash",
    ],
    [
      () => Promise.resolve({ derived: { hash: 1 as unknown as string } }),
      "bootable:test:Sample derived inputs that do not fit its description.\nhash: 1 is a number; write a string",
    ],
  ])("a handler that derives badly is a bug (%#)", async (derive, message) => {
    expect(await messageOf(() => check({ context: "." }, derive === undefined ? {} : { check: derive }))).toBe(message);
  });
});

describe("diff", () => {
  const diff = (newInputs: ValueMap, changed: Changed = {}, ignoreChanges: string[] = []) =>
    serve(spec, handlers(changed)).diff({
      id: "web",
      oldInputs: inputs,
      oldState: { ref: "r", __stateVersion: 1 },
      newInputs,
      ignoreChanges,
    });

  test("answers the changes derived from the spec", () => {
    expect(diff(inputs)).toEqual([]);
    expect(diff({ ...inputs, tags: ["a"] })).toEqual([{ path: ["tags", 0], kind: "add", inputDiff: true }]);
    expect(diff({ ...inputs, tags: ["a"] }, {}, ["tags"])).toEqual([]);
  });

  test("lets the handler leave out changes and add others", () => {
    const drift = { path: ["ref"], kind: "update", inputDiff: false } as const;
    let seen: unknown;
    const changed: Changed = {
      diff(request) {
        seen = request;
        return [drift];
      },
    };
    expect(diff({ ...inputs, hash: new Secret("h2") }, changed)).toEqual([drift]);
    expect(seen).toEqual({
      old: inputs,
      args: { ...inputs, hash: "h2" },
      state: { ref: "r" },
      derived: [{ path: ["hash"], kind: "update", inputDiff: true }],
    });
  });
});

describe("ensure", () => {
  const ensure = (
    given: ValueMap,
    changed: Changed = {},
    more: { preview?: boolean; old?: { id: string; inputs: ValueMap; state: ValueMap } } = {},
  ) => serve(spec, handlers(changed)).ensure({ context: testContext(), preview: false, inputs: given, ...more });

  test("makes outputs secret where their input is, at the same place, and where the spec says so", async () => {
    const given = { ...inputs, tags: ["a", new Secret("b")], machines: { m: new Secret({ name: "m" }), n: { name: "n" } } };
    const state: State = { ref: "local/os", tags: ["a", "b"], machines: { m: { name: "m" }, n: { name: "n" } }, token: "t" };
    expect(await ensure(given, { ensure: () => Promise.resolve({ state }) })).toEqual({
      id: "web",
      refreshBeforeUpdate: false,
      state: {
        ref: "local/os",
        tags: ["a", new Secret("b")],
        machines: { m: new Secret({ name: "m" }), n: { name: "n" } },
        token: new Secret("t"),
        __stateVersion: 1,
      },
    });
  });

  test("a preview may leave outputs unknown, a secret one too", async () => {
    const preview: Changed["preview"] = () => Promise.resolve({ ref: unknown, token: unknown });
    expect((await ensure(inputs, { preview }, { preview: true })).state).toEqual({
      ref: unknown,
      token: new Secret(unknown),
      __stateVersion: 1,
    });
  });

  test("names a new resource once, and keeps the name", async () => {
    const changed: Changed = { id: (context, args) => `${context.project}-${args.context}` };
    const old = { id: "first", inputs, state: { ref: "r" } };
    expect((await ensure({ ...inputs, context: "c" }, changed)).id).toBe("shop-c");
    expect((await ensure({ ...inputs, context: unknown }, changed, { preview: true })).id).toBe("");
    expect((await ensure(inputs, changed, { old })).id).toBe("first");
  });

  test("hands over what an earlier run left, whatever version wrote it", async () => {
    let seen: unknown;
    const changed: Changed = {
      ensure({ old }) {
        seen = old;
        return Promise.resolve({ state: { ref: "r2" } });
      },
    };
    const old = { id: "web", inputs: { context: new Secret("."), dropped: 1 }, state: { ref: new Secret("r1"), dropped: 1 } };
    await ensure(inputs, changed, { old });
    expect(seen).toEqual({ id: "web", args: { context: ".", ...defaults }, state: { ref: "r1" } });
  });

  test("passes on that work is half done", async () => {
    const incomplete = new Failure({ kind: "remote", message: "Stopped." });
    const answer = await ensure(inputs, { ensure: () => Promise.resolve({ state: { ref: "r" }, incomplete, refreshBeforeUpdate: true }) });
    expect(answer).toEqual({ id: "web", state: { ref: "r", __stateVersion: 1 }, incomplete, refreshBeforeUpdate: true });
  });

  const badStates: [unknown, string][] = [
    [{}, 'Sample "web" answered outputs that do not fit its description.\nref: is missing, and it is required'],
    [
      { ref: 1, more: "x" },
      'Sample "web" answered outputs that do not fit its description.\nmore: is not a property of Sample "web" answered outputs; it has ref, tags, machines and token\nref: 1 is a number; write a string',
    ],
    [
      { ref: "r", token: 5 },
      'Sample "web" answered outputs that do not fit its description.\ntoken: the secret value is a number; write a string',
    ],
    [{ ref: "r", tags: [unknown] }, 'Sample "web" answered outputs that are still unknown: tags.'],
    [{ ref: new Date(0) }, "A value of type Date is no property value."],
  ];
  test.each(badStates)("outputs that do not fit are a bug (%#)", async (state, message) => {
    expect(await messageOf(() => ensure(inputs, { ensure: () => Promise.resolve({ state: state as State }) }))).toBe(message);
  });

  test("inputs that are unknown in an update are a bug", async () => {
    expect(await messageOf(() => ensure({ ...inputs, count: unknown }))).toBe(
      'Sample "web" was given inputs that are still unknown: count.',
    );
  });
});

describe("read", () => {
  const read = (changed: Changed, more: { inputs?: ValueMap; state?: ValueMap } = {}, context = testContext()) =>
    serve(resourceSpec({ ...spec, refreshBeforeUpdate: true }), handlers(changed)).read({ context, id: "web", ...more });

  test("keeps stored inputs to the letter while they mean the same", async () => {
    const stored = { inputs: { context: new Secret("."), dropped: 1 }, state: { ref: "r1" } };
    const changed: Changed = {
      read: ({ args, state }) => Promise.resolve({ kind: "present", args: args ?? {}, state: { ...state, ref: "r2" } }),
    };
    expect(await read(changed, stored)).toEqual({
      kind: "present",
      id: "web",
      inputs: stored.inputs,
      state: { ref: "r2", __stateVersion: 1 },
      refreshBeforeUpdate: true,
    });
  });

  test("covers secrets in what was read as they were covered before", async () => {
    const changed: Changed = {
      read: () =>
        Promise.resolve({ kind: "present", args: { context: "b", tags: ["x"], password: "p" }, state: { ref: "r", tags: ["x"] } }),
    };
    const answer = await read(changed, { inputs: { context: "a", tags: new Secret([]) }, state: {} });
    expect(answer).toMatchObject({
      inputs: { context: "b", tags: new Secret(["x"]), password: new Secret("p") },
      state: { ref: "r", tags: new Secret(["x"]) },
    });
  });

  test("an import has no inputs and no state, and answers what it can recover", async () => {
    let seen: object = {};
    const changed: Changed = {
      read(request) {
        seen = request;
        return Promise.resolve({ kind: "present", args: { tags: ["a"] }, state: { ref: "r" } });
      },
    };
    expect(await read(changed)).toMatchObject({ kind: "present", inputs: { tags: ["a"] }, state: { ref: "r" } });
    expect(Object.keys(seen).toSorted()).toEqual(["context", "id"]);
  });

  test("unsure keeps everything as it is and warns in one line; an import fails", async () => {
    const reason = new Failure({ kind: "remote", message: "Could not tell whether it exists. Its state was kept.", fix: "log in again." });
    const changed: Changed = { read: () => Promise.resolve({ kind: "unsure", reason }) };
    const stored = { inputs: { a: new Secret("b") }, state: { c: new Secret("d"), __stateVersion: 1 } };
    const context = testContext();
    expect(await read(changed, stored, context)).toEqual({ kind: "present", id: "web", ...stored, refreshBeforeUpdate: true });
    expect(context.warnings).toEqual(["Could not tell whether it exists. Its state was kept. fix: log in again."]);
    expect(await messageOf(() => read(changed))).toBe(describeFailure(reason));
  });

  test("gone is gone", async () => {
    expect(await read({}, { inputs, state: { ref: "r" } })).toEqual({ kind: "gone" });
  });
});

test("remove gets bare values", async () => {
  let seen: object = {};
  const changed: Changed = {
    remove(request) {
      seen = request;
      return Promise.resolve();
    },
  };
  await serve(spec, handlers(changed)).remove({
    context: testContext(),
    id: "web",
    inputs,
    state: { ref: new Secret("r"), __stateVersion: 1 },
  });
  expect(seen).toMatchObject({ id: "web", args: inputs, state: { ref: "r" } });
});

test("state of a newer provider is refused wherever it arrives", async () => {
  const state = { ref: "r", __stateVersion: 3 };
  const served = serve(resourceSpec({ ...spec, stateVersion: 2 }), handlers());
  const context = testContext();
  const message = [
    'Sample "web" was last changed by a newer bootable provider: its state has version 3, and this one reads versions up to 2. Nothing was changed.',
    "fix: use the version of the provider that changed it last, or a newer one.",
  ].join("\n");
  expect(await messageOf(() => served.diff({ id: "web", oldInputs: inputs, oldState: state, newInputs: inputs, ignoreChanges: [] }))).toBe(
    message,
  );
  const old = { id: "web", inputs, state };
  expect(await messageOf(() => served.ensure({ context, preview: true, inputs, old }))).toBe(message);
  expect(await messageOf(() => served.read({ context, id: "web", inputs, state }))).toBe(message);
  expect(await messageOf(() => served.remove({ context, id: "web", inputs, state }))).toBe(message);
});
