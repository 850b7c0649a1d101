/** examples/typescript over the generated Node SDK, for real; each test goes on where the one before stopped. */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { startRegistry, type RealRegistry } from "../fakes/docker-registry.ts";
import { pushBaseImage } from "./base-image.ts";
import { diagnostics, openWorkspace, section, type EngineRun, type Workspace } from "./engine.ts";
import { compile, installSdk } from "./node-program.ts";
import { providerEnvironment } from "./scene.ts";

const run = promisify(execFile);
const checkout = new URL("../..", import.meta.url).pathname;
const plugins = { bootable: join(checkout, "provider") };

let root: string;
let registry: RealRegistry;
let workspace: Workspace;

async function good(...args: readonly string[]): Promise<EngineRun> {
  const ended = await workspace.run(...args);
  if (ended.exitCode !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${ended.exitCode}:\n${ended.output}`);
  return ended;
}

/** The example beside its context, as it lies in the checkout, with the provider's folder made absolute. */
async function copyExample(directory: string): Promise<void> {
  await cp(join(checkout, "examples", "typescript"), directory, { recursive: true });
  await cp(join(checkout, "examples", "quickstart", "os"), join(directory, "..", "quickstart", "os"), { recursive: true });
  const path = join(directory, "Pulumi.yaml");
  const project = parse(await readFile(path, "utf8")) as { plugins: { providers: { path: string }[] } };
  for (const provider of project.plugins.providers) provider.path = plugins.bootable;
  await writeFile(path, stringify(project));
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "bootable-typescript-"));
  registry = await startRegistry();
  const base = await pushBaseImage(process.env["BOOTABLE_BASE_TAR"] ?? "", registry.host);
  const environment = providerEnvironment(root, registry);
  workspace = await openWorkspace({ project: "typescript", plugins, root, environment });
  await copyExample(workspace.directory);
  await installSdk(workspace.directory);
  await good("config", "set", "base", base);
});

afterAll(async () => {
  await registry.stop();
  await rm(root, { recursive: true, force: true });
});

const wrong = `
import * as bootable from "pulumi-bootable";

// @ts-expect-error an Image has a context
new bootable.Image("a", {});
// @ts-expect-error there is no such property
new bootable.Image("b", { context: ".", contextt: "." });
// @ts-expect-error a size is a text with a unit
new bootable.Disk("c", { image: "registry.test/os@sha256:0", disk: { size: 10 } });
// @ts-expect-error an output cannot be set
new bootable.Image("d", { context: ".", ref: "local/os" });
// @ts-expect-error machines are a list
new bootable.qemu.MachineGroup("e", { image: "registry.test/os@sha256:0", machines: "kiosk-1" });
// @ts-expect-error the image of a HybridImage is built, not given
new bootable.HybridImage("f", { image: "registry.test/os@sha256:0" });
`;

test("the program type-checks, and wrong properties do not", async () => {
  expect(await compile(workspace.directory)).toBe("");
  const directory = join(workspace.directory, "wrong");
  await cp(join(workspace.directory, "tsconfig.json"), join(directory, "tsconfig.json"));
  await writeFile(join(directory, "index.ts"), wrong);
  expect(await compile(directory)).toBe("");
  await writeFile(
    join(directory, "index.ts"),
    'import { Disk } from "pulumi-bootable";\nnew Disk("a", { image: "x", format: ["raw"] });\n',
  );
  expect(await compile(directory)).toBe(
    "index.ts(2,29): error TS2561: Object literal may only specify known properties, but 'format' does not exist in type 'DiskArgs'. Did you mean to write 'formats'?\nexit code 2\n",
  );
});

interface Outputs {
  readonly image: string;
  readonly sameImage: boolean;
  readonly files: Readonly<Record<string, { readonly path: string; readonly sizeBytes: number; readonly digest: string }>>;
}

async function outputs(): Promise<Outputs> {
  return JSON.parse((await good("stack", "output", "--json")).stdout) as Outputs;
}

/** A fixed VHD is known by its footer only, so its format has to be named. */
async function inspect(name: string, format: string): Promise<{ "virtual-size": number }> {
  const { stdout } = await run("qemu-img", ["info", "-f", format, "--output=json", join(workspace.directory, "out", name)]);
  return JSON.parse(stdout) as { "virtual-size": number };
}

test("up builds the image once, and writes disks that other programs read", async () => {
  expect(section((await good("up", "--yes", "--skip-preview")).output, "Resources:")).toBe("+ 6 created");
  const { image, sameImage, files } = await outputs();
  expect(image).toMatch(/^local\/os@sha256:[0-9a-f]{64}$/u);
  expect(sameImage).toBe(true);
  expect(Object.fromEntries(Object.entries(files).map(([format, { path }]) => [format, path]))).toEqual({
    raw: "out/kiosk.raw",
    vhd: "out/kiosk.vhd",
    qcow2: "out/signage.qcow2",
  });
});

test("the disks hold the same, and can be booted by UEFI", async () => {
  const out = join(workspace.directory, "out");
  expect(await readdir(out)).toEqual(["kiosk.raw", "kiosk.vhd", "signage.qcow2"]);
  const size = { "virtual-size": (await stat(join(out, "kiosk.raw"))).size };
  expect(await inspect("kiosk.vhd", "vpc")).toMatchObject(size);
  expect(await inspect("signage.qcow2", "qcow2")).toMatchObject(size);
  const table = JSON.parse((await run("sfdisk", ["--json", join(out, "kiosk.raw")])).stdout) as object;
  const [efiSystem, linuxRoot] = ["C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"];
  expect(table).toMatchObject({ partitiontable: { label: "gpt", partitions: [{ type: efiSystem }, { type: linuxRoot }] } });
  const { stdout } = await run("qemu-img", ["compare", "-f", "raw", "-F", "qcow2", join(out, "kiosk.raw"), join(out, "signage.qcow2")]);
  expect(stdout).toBe("Images are identical.\n");
});

test("a second run changes nothing", async () => {
  expect(section((await good("preview", "--expect-no-changes")).output, "Resources:")).toBe("6 unchanged");
});

test("a preview names the file that changed, and changes nothing", async () => {
  await writeFile(join(workspace.directory, "..", "quickstart", "os", "www", "version"), "2\n");
  const before = workspace.state().text;
  const { output } = await good("preview");
  const messages = ["os", "signage"].map((name) => `bootable:index:Image (${name}):\n  www/version changed: will be built`);
  expect(diagnostics(output).split("\n\n").toSorted()).toEqual(messages);
  expect(section(output, "Resources:")).toBe("~ 4 to update\n  2 unchanged");
  expect(workspace.state().text).toBe(before);
});

test("destroy removes the files", async () => {
  await good("destroy", "--yes", "--skip-preview");
  expect(await readdir(join(workspace.directory, "out"))).toEqual([]);
});
