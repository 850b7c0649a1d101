import { expect, test } from "vitest";
import { asFailure, describeFailure } from "../../provider/failure.ts";
import { componentSpec } from "../../provider/spec/component.ts";
import { object, string, type Input } from "../../provider/spec/property.ts";
import { resourceSpec, type ResourceSpec } from "../../provider/spec/resource.ts";
import { byteSize } from "../../provider/spec/rules.ts";
import { deriveSchema, type PackageParts } from "../../provider/spec/schema.ts";
import { spec } from "./sample.ts";

const parts: PackageParts = {
  name: "bootable",
  version: "1.2.3",
  description: "A package.",
  about: { license: "Apache-2.0" },
  configuration: {},
  resources: [],
  components: [],
  functions: [],
};

test("derives all of a small package", () => {
  const pair = componentSpec({
    token: "bootable:index:Pair",
    description: "Two of them.",
    inputs: {
      name: { type: string(), description: "Name.", plain: true },
      mark: {
        type: object("Mark", "A mark.", { text: { type: string(), description: "Text.", secret: true } }),
        optional: true,
        description: "Mark.",
      },
    },
    outputs: { ref: { type: string(), description: "Reference." } },
  });
  expect(deriveSchema({ ...parts, components: [pair] })).toEqual({
    name: "bootable",
    version: "1.2.3",
    description: "A package.",
    license: "Apache-2.0",
    meta: { moduleFormat: "(.*)" },
    config: { variables: {} },
    provider: { description: "The bootable provider: settings of this computer, never of what is built.", inputProperties: {} },
    types: {
      "bootable:index:Mark": {
        type: "object",
        description: "A mark.",
        properties: { text: { type: "string", secret: true, description: "Text." } },
        required: ["text"],
      },
    },
    resources: {
      "bootable:index:Pair": {
        isComponent: true,
        description: "Two of them.",
        properties: { ref: { type: "string", description: "Reference." } },
        required: ["ref"],
        inputProperties: {
          mark: { $ref: "#/types/bootable:index:Mark", description: "Mark." },
          name: { type: "string", plain: true, description: "Name." },
        },
        requiredInputs: ["name"],
      },
    },
    functions: {},
  });
});

test("describes every kind of property, with what the spec says beside its text", () => {
  const { resources, types } = deriveSchema({ ...parts, resources: [spec] });
  expect(Object.keys(types as object)).toEqual(
    ["DiskOptions", "HealthCheck", "HttpCheck", "MachineState", "SshCheck", "TcpCheck", "Volume"].map((name) => `bootable:index:${name}`),
  );
  expect(resources).toMatchObject({
    "bootable:test:Sample": {
      requiredInputs: ["context"],
      required: ["ref"],
      inputProperties: {
        count: { type: "integer" },
        disk: { $ref: "#/types/bootable:index:DiskOptions", description: "Disk." },
        enabled: { type: "boolean", description: "A switch. Default: `true`." },
        format: { type: "string", description: "A format. Accepted: `raw`, `qcow2` or `vhd`. Default: `raw`." },
        hash: { type: "string", description: "A hash. Computed when left out." },
        machines: { type: "object", additionalProperties: { $ref: "#/types/bootable:index:Volume" } },
        password: { type: "string", secret: true },
        place: { description: "A place. Default: `here`. Cannot be changed; make a second Sample." },
        ratio: { type: "number" },
        share: { oneOf: [{ type: "integer" }, { type: "string" }] },
        tags: { type: "array", items: { type: "string" }, description: "Tags." },
      },
    },
  });
});

test("same specs in another order give the same text", () => {
  const other = { ...spec, inputs: Object.fromEntries(Object.entries(spec.inputs).toReversed()), token: "bootable:test:Other" };
  const text = (...resources: PackageParts["resources"]): string => JSON.stringify(deriveSchema({ ...parts, resources }));
  expect(text(other, spec)).toBe(text(spec, { ...other, inputs: spec.inputs }));
});

test.each<[ResourceSpec["inputs"], string]>([
  [{ a: mark("a"), b: mark("b") }, "Two different shapes are named Mark."],
  [
    { size: { type: byteSize, default: "10GB", description: "A size." } },
    'The property "A size." has values that do not fit its description.\ndefault: "10GB" is no size; write a number and one of B, KiB, MiB, GiB and TiB, such as 10GiB',
  ],
])("a spec that contradicts itself is a bug (%#)", (inputs, message) => {
  const broken = resourceSpec({ token: "bootable:test:Broken", description: "Broken.", inputs, outputs: {} });
  let thrown: unknown;
  try {
    deriveSchema({ ...parts, resources: [broken] });
  } catch (error) {
    thrown = error;
  }
  expect(describeFailure(asFailure(thrown))).toBe(message);
});

function mark(text: string): Input {
  return { type: object("Mark", text, { [text]: { type: string(), description: text } }), description: "Mark." };
}
