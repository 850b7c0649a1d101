/** Folders of our own that a user may not write to: which variable moves them is said, and nothing is left half done. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startRegistry } from "../fakes/docker-registry.ts";
import { makeImage, writeLayout } from "../fakes/oci-layout.ts";
import { diagnostics } from "./engine.ts";
import { openPausedComputer, openPausedGroup, type PausedComputer, type PausedGroup } from "./paused-machines.ts";

const user = "65534:65534";
/** To read the checkout wherever it lies is the one thing that it may do beyond a user's rights. */
const capability = "-all,+dac_read_search";
const asUser = `setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --inh-caps=${capability} --ambient-caps=${capability} --bounding-set=${capability}`;

interface Locked {
  readonly computer: PausedComputer;
  readonly stack: PausedGroup;
  /** What `up` says, the computer's folders taken for the user's own. */
  readonly told: () => Promise<string>;
}

type Variable = "XDG_CACHE_HOME" | "XDG_DATA_HOME" | "XDG_STATE_HOME";

/** A computer whose pulumi runs as a user without rights, to whom one of the folders does not belong. */
async function openLocked(locked: Variable, environment: Readonly<Record<string, string>> = {}): Promise<Locked> {
  const computer = await openPausedComputer(["one"]);
  const stack = await openPausedGroup({ ...computer, environment: { ...computer.environment, ...environment } });
  const root = dirname(stack.directory);
  const told = async (): Promise<string> => {
    const given = (name: Variable): string => computer.environment[name] ?? "";
    for (const name of ["XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] as const) mkdirSync(given(name), { recursive: true });
    execFileSync("chown", ["-R", user, computer.root, root]);
    execFileSync("chown", ["-R", "0:0", given(locked)]);
    const pulumi = join(computer.root, "programs/pulumi");
    writeFileSync(pulumi, `#!/bin/sh\nPATH=\${PATH#*:}\nreal=$(command -v pulumi)\nPATH=\${0%/*}:$PATH exec ${asUser} "$real" "$@"\n`);
    chmodSync(pulumi, 0o755);
    const run = await stack.run("up", "--yes", "--skip-preview");
    expect(run.exitCode).not.toBe(0);
    return diagnostics(run.output)
      .replaceAll(computer.root, "/home/ann")
      .replaceAll(/[0-9a-f]{16,}/gu, "HASH");
  };
  return { computer, stack, told };
}

test("machines, in XDG_STATE_HOME", async () => {
  const { computer, stack, told } = await openLocked("XDG_STATE_HOME");
  stack.group({ image: computer.versions[0] });
  expect(await told()).toMatchInlineSnapshot(`
    "pulumi:pulumi:Stack (kiosks-dev):
      error: update failed

    bootable:qemu:MachineGroup (kiosk):
      error: 1 error occurred:
      	* The rollout of 935434190356 to MachineGroup "kiosk" stopped at kiosk-1: Machines are kept in /home/ann/state/bootable/qemu/kiosk-HASH, and that cannot be used (EACCES). Not touched (absent): kiosk-1. Left alone (absent): kiosk-2.
      	  fix: set XDG_STATE_HOME to a folder that you may write to."
  `);
  expect(computer.processes()).toEqual([]);
});

test("disks, in XDG_CACHE_HOME", async () => {
  const { computer, stack, told } = await openLocked("XDG_CACHE_HOME");
  stack.group({ image: computer.versions[0] });
  expect(await told()).toMatchInlineSnapshot(`
    "pulumi:pulumi:Stack (kiosks-dev):
      error: update failed

    bootable:qemu:MachineGroup (kiosk):
      error: 1 error occurred:
      	* The rollout of 935434190356 to MachineGroup "kiosk" stopped at kiosk-1: Disks are kept in /home/ann/cache/bootable/disks, and that cannot be used (EACCES). Not touched (absent): kiosk-1. Left alone (absent): kiosk-2.
      	  fix: set XDG_CACHE_HOME to a folder that you may write to."
  `);
  expect(computer.processes()).toEqual([]);
});

test("builds, in XDG_CACHE_HOME", async () => {
  const { stack, told } = await openLocked("XDG_CACHE_HOME");
  mkdirSync(join(stack.directory, "os"));
  writeFileSync(join(stack.directory, "os/Containerfile"), "FROM scratch\nLABEL a=b\n");
  stack.program(`resources: { os: { type: "bootable:index:Image", properties: { context: ./os } } }\n`);
  expect(await told()).toMatchInlineSnapshot(`
    "pulumi:pulumi:Stack (kiosks-dev):
      error: update failed

    bootable:index:Image (os):
      error: Files of work in progress are kept in /home/ann/cache/bootable/work, and that cannot be used (EACCES).
      fix: set XDG_CACHE_HOME to a folder that you may write to."
  `);
});

test("images, in XDG_DATA_HOME", async () => {
  const registry = await startRegistry();
  onTestFinished(() => registry.stop());
  const { computer, stack, told } = await openLocked("XDG_DATA_HOME", { XDG_CONFIG_HOME: registry.configHome });
  const layout = join(computer.root, "foreign");
  const made = makeImage({ layers: [Buffer.from("a layer")] });
  mkdirSync(layout);
  await writeLayout(layout, made);
  execFileSync("skopeo", [
    "copy",
    "--quiet",
    "--preserve-digests",
    "--dest-tls-verify=false",
    `oci:${layout}`,
    `docker://${registry.host}/os:v1`,
  ]);
  stack.group({ image: `${registry.host}/os@${made.digest}` });
  expect(await told()).toMatchInlineSnapshot(`
    "pulumi:pulumi:Stack (kiosks-dev):
      error: update failed

    bootable:qemu:MachineGroup (kiosk):
      error: Images are kept in /home/ann/data/bootable/store, and that cannot be used (EACCES).
      fix: set XDG_DATA_HOME to a folder that you may write to."
  `);
});
