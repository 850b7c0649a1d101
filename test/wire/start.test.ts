/** The compiled provider, started in both of the ways that the engine has. */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import providerService from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { checkout, compileProvider, startListening } from "./compiled-provider.ts";

const node = process.execPath;
const { root, launcher } = compileProvider();

beforeAll(() => {
  writeFileSync(join(root, "record-loads.mjs"), recordLoads);
  writeFileSync(join(root, "no-home.mjs"), noHome);
});

/** Writes the address of each module that is loaded to standard error. */
const recordLoads = `
import { registerHooks } from "node:module";
registerHooks({ load: (url, context, next) => { process.stderr.write(url + "\\n"); return next(url, context); } });
`;

/** A user that is in no list, as containers have them. */
const noHome = `
import os from "node:os";
import { syncBuiltinESMExports } from "node:module";
os.userInfo = () => { throw new Error("ENOENT"); };
process.getuid = () => 12345;
syncBuiltinESMExports();
`;

async function start(program: string, args: readonly string[]): Promise<{ readonly port: string; readonly loaded: readonly string[] }> {
  const { port, errors, milliseconds } = await startListening(program, args);
  console.log(`${program.split("/").at(-1)}: port line after ${Math.round(milliseconds)} ms`);
  return { port, loaded: errors.split("\n") };
}

async function packageName(port: string): Promise<unknown> {
  const client = new providerService.ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  const schema = await new Promise<string>((resolve, reject) => {
    client.getSchema(new proto.GetSchemaRequest(), (error, answer) => (error === null ? resolve(answer.getSchema()) : reject(error)));
  });
  return (JSON.parse(schema) as { name: unknown }).name;
}

test("the launcher", async () => {
  const { port } = await start(launcher, []);
  expect(await packageName(port)).toBe("bootable");
});

test("the SDK's run-plugin, which requires the compiled entry", async () => {
  const { port } = await start(node, [join(checkout, "node_modules/@pulumi/pulumi/cmd/run-plugin"), root]);
  expect(await packageName(port)).toBe("bootable");
});

test("of Pulumi's SDK only the protocol is loaded at the start, and nothing compiles TypeScript", async () => {
  const { port, loaded } = await start(node, ["--import", join(root, "record-loads.mjs"), join(root, "dist/main.js")]);
  expect(await packageName(port)).toBe("bootable");
  const foreign = loaded.filter((url) => url.includes("/node_modules/")).map((url) => url.replace(/^.*\/node_modules\//u, ""));
  expect(foreign.filter((path) => path.startsWith("@pulumi/") && !path.startsWith("@pulumi/pulumi/proto/"))).toEqual([]);
  expect(foreign.filter((path) => /^(?:typescript|ts-node)\//u.test(path))).toEqual([]);
  expect(foreign).not.toHaveLength(0);
});

test("a start that comes to nothing says why in words", async () => {
  const main = join(root, "dist/main.js");
  const child = spawn(node, ["--import", join(root, "no-home.mjs"), main], { stdio: ["ignore", "pipe", "pipe"], env: { HOME: "nowhere" } });
  let told = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (told += text));
  expect(await new Promise((resolve) => child.once("close", resolve))).toBe(1);
  expect(told).toBe(
    "Neither XDG_DATA_HOME nor HOME is set to an absolute path, and user 12345 of this computer has no home folder.\n" +
      "fix: set HOME to a folder that you may write to.\n",
  );
});

test("package.json names the entry that run-plugin requires", () => {
  expect(JSON.parse(readFileSync(join(checkout, "package.json"), "utf8"))).toMatchObject({ type: "module", main: "dist/main.js" });
});
