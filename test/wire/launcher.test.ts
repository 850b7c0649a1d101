/** The launcher, in copies of the checkout's layout with Nodes of several ages. */
import { execFile, execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const launcher = join(import.meta.dirname, "../../provider/pulumi-resource-bootable");

interface Layout {
  /** What `node --version` says on the PATH; left out, there is none. */
  readonly pathNode?: string;
  readonly ownNode?: string;
  readonly built?: boolean;
}

function layOut({ pathNode, ownNode, built = true }: Layout): { readonly root: string; readonly path: string } {
  const root = mkdtempSync(join(tmpdir(), "launcher-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const folder of ["provider", "dist", "bin", "node_modules/.bin"]) mkdirSync(join(root, folder), { recursive: true });
  copyFileSync(launcher, join(root, "provider/pulumi-resource-bootable"));
  if (built) writeFileSync(join(root, "dist/main.js"), "");
  if (pathNode !== undefined) fakeNode(join(root, "bin/node"), pathNode);
  if (ownNode !== undefined) fakeNode(join(root, "node_modules/.bin/node"), ownNode);
  for (const tool of ["dirname", "mkdir", "readlink", "sh"]) symlinkSync(join("/usr/bin", tool), join(root, "bin", tool));
  return { root, path: join(root, "bin") };
}

/** Says its version, or what it was asked to run. */
function fakeNode(path: string, version: string): void {
  writeFileSync(path, `#!/bin/sh\n[ "$1" = --version ] && { echo ${version}; exit; }\necho ran "$(dirname "$0")" "$@"\n`);
  chmodSync(path, 0o755);
}

function launch(layout: { readonly root: string; readonly path: string }, program = "provider/pulumi-resource-bootable"): Promise<object> {
  return new Promise((resolve) => {
    execFile(join(layout.root, program), ["127.0.0.1:1", "a b"], { env: { PATH: layout.path } }, (error, stdout, stderr) => {
      const plain = (text: string): string => text.replaceAll(layout.root, "ROOT");
      resolve({ code: error?.code ?? 0, stdout: plain(stdout), stderr: plain(stderr) });
    });
  });
}

test.each(["v22.0.0", "v24.21.0", "v30.1.0"])("takes the Node of the PATH when it is %s", async (pathNode) => {
  const stdout = "ran ROOT/bin ROOT/dist/main.js 127.0.0.1:1 a b\n";
  expect(await launch(layOut({ pathNode, ownNode: "v24.0.0" }))).toEqual({ code: 0, stdout, stderr: "" });
});

test.each(["v20.19.0", "v8.0.0", undefined])("takes its own Node when the PATH has %s", async (pathNode) => {
  const stdout = "ran ROOT/node_modules/.bin ROOT/dist/main.js 127.0.0.1:1 a b\n";
  expect(await launch(layOut({ ...(pathNode === undefined ? {} : { pathNode }), ownNode: "v24.0.0" }))).toEqual({
    code: 0,
    stdout,
    stderr: "",
  });
});

test("is found through a link", async () => {
  const layout = layOut({ pathNode: "v22.1.0" });
  symlinkSync("../provider/pulumi-resource-bootable", join(layout.root, "bin/linked"));
  expect(await launch(layout, "bin/linked")).toMatchObject({ code: 0, stdout: "ran ROOT/bin ROOT/dist/main.js 127.0.0.1:1 a b\n" });
});

test.each([
  [{ HOME: "ROOT/home", XDG_CACHE_HOME: "ROOT/a cache" }, "a cache"],
  [{ HOME: "ROOT/home", XDG_CACHE_HOME: "relative" }, "home/.cache"],
  [{ HOME: "relative" }, undefined],
])("with %o compiled code is kept in %s, where only the user may write", (variables, cache) => {
  const { root, path } = layOut({ pathNode: "v22.0.0" });
  const before = readdirSync(root);
  const given = Object.entries(variables).map(([name, value]) => [name, value.replace("ROOT", root)]);
  const show = 'echo "cache $NODE_COMPILE_CACHE"';
  writeFileSync(join(root, "bin/node"), `#!/bin/sh\n[ "$1" = --version ] && { echo v22.0.0; exit; }\n${show}\n`);
  const env = { PATH: path, ...Object.fromEntries(given) } as NodeJS.ProcessEnv;
  const stdout = execFileSync("/bin/sh", ["-c", "umask 0; exec provider/pulumi-resource-bootable"], { cwd: root, env, encoding: "utf8" });
  const folder = cache === undefined ? "" : join(root, cache, "bootable/node");
  expect(stdout).toBe(`cache ${folder}\n`);
  if (cache === undefined) expect(readdirSync(root)).toEqual(before);
  else expect(statSync(join(folder, "..")).mode & 0o777).toBe(0o700);
});

test("says what is missing", async () => {
  expect(await launch(layOut({ pathNode: "v20.19.0" }))).toEqual({
    code: 1,
    stdout: "",
    stderr:
      "pulumi-resource-bootable: Node 22 or newer is needed, and PATH has v20.19.0. " +
      'fix: install Node 22, or run "npm ci" in ROOT, which brings one along.\n',
  });
  expect(await launch(layOut({ pathNode: "v22.0.0", built: false }))).toEqual({
    code: 1,
    stdout: "",
    stderr: 'pulumi-resource-bootable: the provider is not built: ROOT/dist/main.js is missing. fix: run "npm ci" in ROOT.\n',
  });
});
