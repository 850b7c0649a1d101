/** The programs that people copy, in README.md and examples/, use only what schema.json describes. */
import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";

interface Described {
  readonly inputProperties?: Readonly<Record<string, unknown>>;
  readonly requiredInputs?: readonly string[];
}

interface Program {
  readonly resources?: Readonly<Record<string, { readonly type: string; readonly properties?: Readonly<Record<string, unknown>> }>>;
}

const checkout = new URL("../..", import.meta.url).pathname;
const schema = JSON.parse(readFileSync(`${checkout}schema.json`, "utf8")) as { resources: Record<string, Described> };

function problems(program: Program): string[] {
  return Object.entries(program.resources ?? {}).flatMap(([name, { type, properties = {} }]) => {
    const described = schema.resources[type];
    if (described === undefined) return [`${name}: no ${type} in schema.json`];
    const foreign = Object.keys(properties).filter((property) => !(property in (described.inputProperties ?? {})));
    const missing = (described.requiredInputs ?? []).filter((property) => !(property in properties));
    return [
      ...foreign.map((property) => `${name}.${property} is not described`),
      ...missing.map((property) => `${name}.${property} is missing`),
    ];
  });
}

const fences = [...readFileSync(`${checkout}README.md`, "utf8").matchAll(/^```yaml\n([^]*?)^```$/gm)].map((match) => match[1] ?? "");
const examples = globSync("examples/*/Pulumi.yaml", { cwd: checkout });

test.each([
  ...fences.map((text, index) => [`README.md, program ${index + 1}`, text] as const),
  ...examples.map((path) => [path, readFileSync(`${checkout}${path}`, "utf8")] as const),
])("%s", (_, text) => {
  expect(problems(parse(text) as Program)).toEqual([]);
});

test("there is a program in README.md, and each example has a README of its own", () => {
  expect(fences.length).toBeGreaterThan(0);
  expect(globSync("examples/*/README.md", { cwd: checkout }).length).toBe(examples.length);
});

test("a misspelt property would be found", () => {
  const resources = { os: { type: "bootable:index:Image", properties: { contxt: "." } } };
  expect(problems({ resources })).toEqual(["os.contxt is not described", "os.context is missing"]);
});
