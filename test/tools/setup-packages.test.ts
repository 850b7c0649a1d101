/** What the set-up installs, and what it says where it may not. It is plain JavaScript for any Node, and run as such. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const packages = new URL("setup/packages.mjs", import.meta.url).href;

async function valueOf(expression: string): Promise<unknown> {
  const script = `const packages = await import(${JSON.stringify(packages)}); console.log(JSON.stringify(${expression}));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]);
  return JSON.parse(stdout);
}

test("the quickstart installs nothing of arm64 or of other file systems, tests do", async () => {
  const more = `packages.neededPackages("test").filter((name) => !packages.neededPackages("quickstart").includes(name))`;
  expect(await valueOf(more)).toEqual(["btrfs-progs", "kmod", "qemu-efi-aarch64", "qemu-system-arm", "xfsprogs", "xz-utils"]);
});

test("who may not install packages is told which, and the one command", async () => {
  expect(await valueOf(`packages.explainMissing(["mtools", "qemu-utils"], "quickstart")`)).toMatchInlineSnapshot(`
    "These Debian packages are missing (QEMU must be 10 or newer): mtools, qemu-utils.
    fix: run this once, it installs them (from backports where Debian 12 is too old):
      sudo node test/tools/with-setup.mjs packages quickstart"
  `);
});
