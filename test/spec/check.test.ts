import { expect, test } from "vitest";
import { checkFields, readFields } from "../../provider/spec/check.ts";
import { object, string } from "../../provider/spec/property.ts";
import { Opaque, Secret, unknown, formatPath, type Value, type ValueMap } from "../../provider/spec/value.ts";
import { spec } from "./sample.ts";

function problemsOf(given: ValueMap): string[] {
  return checkFields("Sample", spec.inputs, { context: ".", ...given }).problems.map(
    ({ path, reason }) => `${formatPath(path)}: ${reason}`,
  );
}

test.each<[ValueMap, string]>([
  [{ context: null }, "context: is missing, and it is required"],
  [{ context: 512 }, "context: 512 is a number; write a string"],
  [{ context: ["a"] }, "context: this is a list; write a string"],
  [{ context: { a: 1 } }, "context: this is an object; write a string"],
  [{ context: new Opaque("asset", {}) }, "context: this is an asset or a reference; write a string"],
  [{ context: new Secret(7) }, "context: the secret value is a number; write a string"],
  [{ password: true }, "password: the secret value is a boolean; write a string"],
  [{ format: "vdi" }, 'format: "vdi" is not one of the accepted values; use raw, qcow2 or vhd'],
  [{ format: new Secret("vdi") }, "format: the secret value is not one of the accepted values; use raw, qcow2 or vhd"],
  [{ format: false }, "format: false is a boolean; write raw, qcow2 or vhd"],
  [{ memory: "512MB" }, 'memory: "512MB" is no size; write a number and one of B, KiB, MiB, GiB and TiB, such as 10GiB'],
  [{ count: "5" }, 'count: "5" is a string; write a whole number'],
  [{ count: 1.5 }, "count: 1.5 is no whole number"],
  [{ ratio: "1" }, 'ratio: "1" is a string; write a number'],
  [{ enabled: "yes" }, 'enabled: "yes" is a string; write true or false'],
  [{ share: 0 }, 'share: 0 would let no host move; write a number from 1, or a share from "1%" to "100%"'],
  [{ share: "20" }, 'share: "20" would let no host move; write a number from 1, or a share from "1%" to "100%"'],
  [{ share: [] }, "share: this is a list; write a whole number or a string"],
  [{ tags: "a" }, 'tags: "a" is a string; write a list of strings'],
  [{ tags: ["a", null, 3] }, "tags[1]: is null; leave the item out\ntags[2]: 3 is a number; write a string"],
  [{ ports: ["80"] }, "ports: this is a list; write a map of whole numbers"],
  [{ ports: { "80": 70_000 } }, 'ports["80"]: 70000 is no port; write 1 to 65535'],
  [
    { machines: { "Web 1": { name: "a" } } },
    'machines["Web 1"]: the key "Web 1" is no name for a machine; use 1 to 63 lower-case letters, digits and inner dashes, such as web-1',
  ],
  [
    { machines: new Secret({ "Web 1": { name: "a" } }) },
    'machines["Web 1"]: the secret key is no name for a machine; use 1 to 63 lower-case letters, digits and inner dashes, such as web-1',
  ],
  [{ machines: 4 }, "machines: 4 is a number; write a map of objects with name, size and key"],
  [{ volumes: [{ size: "2GiB" }] }, "volumes[0].name: is missing, and it is required"],
  [{ volumes: [{ name: "a", siz: "2GiB" }] }, "volumes[0].siz: is not a property of Volume; did you mean size?"],
  [{ volumes: [{ name: "a", key: 5 }] }, "volumes[0].key: the secret value is a number; write a string"],
  [
    { disk: "10GiB" },
    'disk: "10GiB" is a string; write an object with size, filesystem, kernelArguments, engine, platform, rootSshAuthorizedKeys, targetImage, builderImage, bootLoader and bootLoaderDigest',
  ],
  [{ disk: { platform: "x86" } }, 'disk.platform: "x86" is no platform; write system and architecture, such as linux/amd64'],
  [{ healthCheck: {} }, "healthCheck: needs exactly one of tcp, http and ssh, and has none"],
  [{ healthCheck: { tcp: { port: 1 }, http: { port: 1 } } }, "healthCheck: needs exactly one of tcp, http and ssh, and has tcp and http"],
  [{ healthCheck: { tcp: { port: 1 }, timeoutSeconds: 0 } }, "healthCheck.timeoutSeconds: 0 is too short; write 1 or more seconds"],
  [{ contxt: "." }, "contxt: is not a property of Sample; did you mean context?"],
  [{ Format: "raw" }, "Format: is not a property of Sample; did you mean format?"],
  [
    { zzzzzz: 1 },
    "zzzzzz: is not a property of Sample; it has context, format, memory, count, ratio, enabled, share, tags, ports, machines, volumes, disk, healthCheck, password, place, remark, hash and sources",
  ],
  [
    { context: "x".repeat(80), memory: "y".repeat(80) },
    `memory: "${"y".repeat(58)}… is no size; write a number and one of B, KiB, MiB, GiB and TiB, such as 10GiB`,
  ],
])("says what is wrong with %o", (given, expected) => {
  expect(problemsOf(given).join("\n")).toBe(expected);
});

test("finds every problem of a resource at once", () => {
  expect(problemsOf({ context: 1, format: "x", tags: [2], volumes: [{ name: 3 }] })).toHaveLength(4);
});

test("stays silent about what is not known yet", () => {
  const given: ValueMap = {
    context: unknown,
    format: new Secret(unknown),
    tags: [unknown],
    ports: { "80": unknown },
    disk: unknown,
    healthCheck: { tcp: unknown },
  };
  expect(problemsOf(given)).toEqual([]);
});

test("fills in defaults, wraps what the spec calls secret, drops nulls and what belongs to the engine", () => {
  const given: ValueMap = {
    context: ".",
    memory: null,
    ports: { a: 1, b: null },
    password: "x",
    volumes: [{ name: "v", key: "k" }],
    __defaults: [],
  };
  expect(checkFields("Sample", spec.inputs, given).values).toEqual({
    context: ".",
    format: "raw",
    enabled: true,
    share: 1,
    tags: [],
    ports: { a: 1 },
    place: "here",
    password: new Secret("x"),
    volumes: [{ name: "v", size: "1GiB", key: new Secret("k") }],
  });
});

test("gives rules across fields an unknown where a value has a problem", () => {
  expect(checkFields("Sample", spec.inputs, { count: "5", tags: ["a", 1] }).values).toMatchObject({
    context: unknown,
    count: unknown,
    tags: ["a", unknown],
  });
});

test("takes map keys that objects inherit as plain keys", () => {
  const labels: ValueMap = Object.fromEntries<Value>([
    ["constructor", 1],
    ["__proto__", 2],
  ]);
  const { values, problems } = checkFields("Sample", spec.inputs, { context: ".", ports: labels });
  expect(problems).toEqual([]);
  expect(Object.entries(values["ports"] as ValueMap)).toEqual(Object.entries(labels));
  expect(problemsOf({ constructor: "x" })[0]).toMatch(/^constructor: is not a property of Sample/);
});

test("reads what other versions stored: unknown fields go, defaults come, other types stay", () => {
  const stored: ValueMap = { context: new Secret("."), old: 1, tags: "a,b", volumes: [{ name: "v", extra: 1 }], ports: null };
  expect(readFields(spec.inputs, stored)).toEqual({
    context: ".",
    format: "raw",
    enabled: true,
    share: 1,
    tags: "a,b",
    place: "here",
    volumes: [{ name: "v", size: "1GiB" }],
  });
});

test("a default for a shape is filled with the defaults of its fields", () => {
  const size = { type: string(), default: "1GiB", description: "Size." };
  const fields = { disk: { type: object("Disk", "A disk.", { size }), default: {}, description: "Disk." } };
  expect(checkFields("Sample", fields, {})).toEqual({ values: { disk: { size: "1GiB" } }, problems: [] });
  expect(readFields(fields, {})).toEqual({ disk: { size: "1GiB" } });
});
