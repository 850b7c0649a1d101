import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { samplePackage } from "../spec/sample-package.ts";

const run = promisify(execFile);
const checkout = new URL("../../", import.meta.url).pathname;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootable-sdk-"));
  await writeFile(join(folder, "schema.json"), JSON.stringify(samplePackage));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** The folder with the generated SDK of that language. */
async function generate(language: string): Promise<string> {
  const sdk = join(folder, language);
  await mkdir(sdk);
  await run("sdkgen", [language, join(folder, "schema.json"), sdk]);
  return sdk;
}

const program = `
import * as bootable from "./index.js";

const sample = new bootable.test.Sample("web", {
  context: ".",
  format: "raw",
  share: "20%",
  ports: { web: 80 },
  disk: { size: "10GiB", kernelArguments: ["quiet"] },
  healthCheck: { http: { port: 80 } },
});
export const ref = sample.ref;
export const pair = new bootable.Pair("pair", { names: ["a"], rollout: { maxUnavailable: 1 } });
export const found = bootable.getSample({ name: "a" });
export const provider = new bootable.Provider("here", { cacheSize: "1GiB", tools: { qemuImg: "/opt/qemu-img" } });
// @ts-expect-error context is required
new bootable.test.Sample("empty", {});
// @ts-expect-error a size is a text
new bootable.test.Sample("size", { context: ".", memory: 512 });
`;

test("the Node SDK and a program over it compile", async () => {
  const sdk = await generate("nodejs");
  await symlink(join(checkout, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(sdk, "program.ts"), program);
  const tsc = join(checkout, "node_modules", ".bin", "tsc");
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--types", "node", "--skipLibCheck"];
  const { stdout } = await run(tsc, [...options, "--ignoreConfig", join(sdk, "program.ts")]).catch((error: { stdout: string }) => error);
  expect(stdout).toBe("");
  const manifest = JSON.parse(await readFile(join(sdk, "package.json"), "utf8")) as object;
  expect(manifest).toMatchObject({
    name: "pulumi-bootable",
    version: "1.2.3",
    pulumi: { resource: true, name: "bootable", version: "1.2.3" },
  });
});

test("the Go SDK compiles", async () => {
  const sdk = await generate("go");
  const pins = join(checkout, "test", "tools", "pulumi");
  const module = (await readFile(join(pins, "go.mod"), "utf8")).replace(/^module .*/, "module bootable.test/sdk/go");
  await writeFile(join(sdk, "go.mod"), module);
  await copyFile(join(pins, "go.sum"), join(sdk, "go.sum"));
  const { stdout, stderr } = await run("go", ["build", "-mod=mod", "./..."], { cwd: sdk });
  expect(`${stdout}${stderr}`).toBe("");
});

test("the Python SDK has the resource, the component and the function", async () => {
  const sdk = join(await generate("python"), "pulumi_bootable");
  const read = (...path: string[]): Promise<string> => readFile(join(sdk, ...path), "utf8");
  expect(await read("test", "sample.py")).toMatch(/^class Sample\(pulumi\.CustomResource\):$/m);
  expect(await read("pair.py")).toMatch(/^class Pair\(pulumi\.ComponentResource\):$/m);
  expect(await read("get_sample.py")).toMatch(/^def get_sample\(/m);
});

test("the generator refuses a language that it does not know", async () => {
  await expect(generate("cobol")).rejects.toMatchObject({
    code: 1,
    stderr: '"cobol" is not a language this program generates; use nodejs, python or go\n',
  });
});
