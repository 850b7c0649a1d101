import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageSchema } from "../../provider/schema.ts";
import type { JsonObject } from "../../provider/spec/schema.ts";
import { samplePackage } from "../spec/sample-package.ts";

const run = promisify(execFile);
const pins = new URL("../tools/pulumi/", import.meta.url).pathname;

let folder: string;
let validate: ValidateFunction;

/** Pulumi's own description of package schemas, from the module that the CLI is built from. */
async function metaschema(): Promise<object> {
  const { stdout } = await run("go", ["mod", "download", "-json", "github.com/pulumi/pulumi/pkg/v3"], { cwd: pins });
  const { Dir } = JSON.parse(stdout) as { Dir: string };
  return JSON.parse(await readFile(join(Dir, "codegen", "schema", "pulumi.json"), "utf8")) as object;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootable-schema-"));
  validate = new Ajv2020({ strict: false, validateFormats: false, allErrors: true }).compile(await metaschema());
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function check(schema: JsonObject): Promise<string> {
  const path = join(folder, "schema.json");
  await writeFile(path, JSON.stringify(schema));
  const environment = { ...process.env, PULUMI_HOME: join(folder, "home"), PULUMI_SKIP_UPDATE_CHECK: "true" };
  const { stdout, stderr } = await run("pulumi", ["schema", "check", path], { env: environment });
  return `${stdout}${stderr}`;
}

const packages: [string, JsonObject][] = [
  ["the package", packageSchema("0.1.0")],
  ["a package with everything", samplePackage],
];

test.each(packages)("%s follows Pulumi's metaschema", (_, schema) => {
  expect(validate(schema), JSON.stringify(validate.errors)).toBe(true);
});

test.each(packages)("%s passes pulumi schema check without a word", async (_, schema) => {
  expect(await check(schema)).toBe("");
});

test("both would notice a schema that is wrong", async () => {
  const wrong = { ...samplePackage, resources: { "bootable:index:Wrong": { properties: { id: { type: "strin" } } } } };
  expect(validate(wrong)).toBe(false);
  await expect(check(wrong)).rejects.toThrow(/Wrong/);
});
