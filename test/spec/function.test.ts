import { expect, test } from "vitest";
import { functionSpec, serveFunction } from "../../provider/spec/function.ts";
import { list, string } from "../../provider/spec/property.ts";
import { Secret } from "../../provider/spec/value.ts";

const spec = functionSpec({
  token: "bootable:index:getSample",
  description: "Looks up a sample.",
  inputs: {
    name: { type: string(), description: "Its name." },
    tags: { type: list(string()), default: [], description: "Tags." },
  },
  outputs: { name: { type: string(), description: "Its name." }, digest: { type: string(), description: "Its digest." } },
});

const context = { signal: new AbortController().signal, config: { cacheSizeBytes: 1, progress: "auto", tools: {} } } as const;
const served = serveFunction(spec, ({ args }) => Promise.resolve({ name: args.name, digest: `${args.name}${args.tags.length}` }));

test("answers outputs, secret where the argument of that name is", async () => {
  expect(await served.invoke({ name: new Secret("a") }, context)).toEqual({
    outputs: { name: new Secret("a"), digest: "a0" },
    failures: [],
  });
});

test("answers every problem of the arguments at once", async () => {
  expect(await served.invoke({ nam: "a", tags: "x" }, context)).toEqual({
    outputs: {},
    failures: [
      { path: ["nam"], reason: "is not a property of getSample; did you mean name?" },
      { path: ["name"], reason: "is missing, and it is required" },
      { path: ["tags"], reason: '"x" is a string; write a list of strings' },
    ],
  });
});
