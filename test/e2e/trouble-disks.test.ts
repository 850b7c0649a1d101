/** Trouble with disks, machines and the state, as the person who runs pulumi sees it: the whole message each time. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootableFiles, openStage, program, resource, type Stage } from "./trouble-stage.ts";

let stage: Stage;
/** The least that makes a disk, and one that lacks everything. */
let [bootable, empty] = ["", ""];

beforeAll(async () => {
  stage = await openStage();
  stage.context("os", bootableFiles({ "root/var/data": "data".repeat(2_000_000) }));
  stage.context("empty", { Containerfile: "FROM scratch\nCOPY hello /\n", hello: "one" });
  const images = ["os", "empty"].map((name) => resource("index:Image", name, { context: `./${name}`, builder: "buildah" }));
  await stage.good(program(...images), ...up);
  const refs = stage.workspace.state().resources.map(({ outputs }) => outputs?.["ref"]);
  [bootable = "", empty = ""] = [/\/os@/, /\/empty@/].map((pattern) => String(refs.find((ref) => pattern.test(String(ref)))));
});
afterAll(async () => {
  await stage.close();
});

const up = ["up", "--yes", "--skip-preview"] as const;

function disk(properties: object): string {
  return program(resource("index:Disk", "web", properties));
}

function machines(properties: object): string {
  return program(resource("qemu:MachineGroup", "kiosk", { image: bootable, machines: ["kiosk-1"], accelerator: "tcg", ...properties }));
}

test("formats, options and images that make no disk are refused in preview", async () => {
  const options = { size: "10 GB" };
  expect(await stage.told(disk({ image: "registry.example.com/os:13", formats: ["vdi", "raw", "raw"], disk: options }), "preview"))
    .toMatchInlineSnapshot(`
    "bootable:index:Disk (web):
      error: bootable:index:Disk resource 'web': property image value {registry.example.com/os:13} has a problem: "registry.example.com/os:13" can mean another image tomorrow; pin it as registry/repository@sha256:<digest>
      error: bootable:index:Disk resource 'web' has a problem: disk.size: "10 GB" is no size; write a number and one of B, KiB, MiB, GiB and TiB, such as 10GiB
      error: bootable:index:Disk resource 'web' has a problem: formats[0]: "vdi" is not one of the accepted values; use raw, qcow2, vhd, vmdk, gce or iso
      error: bootable:index:Disk resource 'web' has a problem: formats[2]: "raw" is there twice"
  `);
});

test("an image that cannot be booted, is for another platform, or is not there", async () => {
  expect(await stage.told(disk({ image: empty }), ...up)).toMatchInlineSnapshot(`
    "bootable:index:Disk (web):
      error: The image cannot be booted from a disk: it has no systemd (no file /usr/lib/systemd/systemd). Nothing was written.
      fix: install systemd-sysv (Debian, Ubuntu) or systemd (Fedora) in the Containerfile."
  `);
  expect(await stage.told(disk({ image: bootable, disk: { platform: "linux/arm64" } }), ...up)).toMatchInlineSnapshot(`
    "bootable:index:Disk (web):
      error: Image local/os@sha256:<digest> has no linux/arm64; it has linux/amd64. Nothing was written.
      fix: set disk.platform to one that it has, or add the platform to the image's platforms."
  `);
  const gone = `local/os@sha256:${"0".repeat(64)}`;
  expect(await stage.told(disk({ image: gone }), ...up)).toMatchInlineSnapshot(`
    "bootable:index:Disk (web):
      error: Image local/os@sha256:<digest> is not there, so no disk can be made from it.
      fix: run pulumi refresh, then pulumi up, which builds or pushes it again."
  `);
});

test("a size that is too small says the size needed", async () => {
  expect(await stage.told(disk({ image: bootable, disk: { size: "40MiB" } }), ...up)).toMatchInlineSnapshot(`
    "bootable:index:Disk (web):
      error: disk.size is 40 MiB, and the image needs at least 82 MiB. Nothing was written.
      fix: set disk.size to 82MiB or more, or leave it out."
  `);
});

test("a file system that runs full in the middle of a disk keeps nothing of it", async () => {
  const folder = join(stage.computer, "small");
  mkdirSync(folder);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]);
  try {
    const small = await stage.in({ XDG_CACHE_HOME: folder, NODE_COMPILE_CACHE: join(stage.computer, "cache/node") });
    small.program(disk({ image: bootable }));
    expect(stage.plain(await small.run(...up))).toMatchInlineSnapshot(`
      "bootable:index:Disk (web):
        error: There was no room left in COMPUTER/small/bootable/disks while the disk was being written. Nothing was left behind.
        fix: free some room there, or set XDG_CACHE_HOME to a folder with more."
    `);
    expect(readdirSync(join(folder, "bootable/disks"))).toEqual([]);
  } finally {
    execFileSync("umount", [folder]);
  }
});

test("what is missing on this computer is named with what installs it", async () => {
  const bare = await stage.in({ PATH: stage.pathOf() });
  // A disk itself takes no program at all.
  bare.program(disk({ image: bootable }));
  const made = await bare.run(...up);
  expect(made.exitCode, made.output).toBe(0);
  bare.program(machines({}));
  expect(stage.plain(await bare.run(...up))).toMatchInlineSnapshot(`
    "bootable:qemu:MachineGroup (kiosk):
      error: qemu-system-x86_64 is needed to run machines, and none was found on PATH.
      fix: install qemu-system-x86 (Debian) or qemu-system-x86-core (Fedora), or set bootable:tools.qemuSystemX86_64 to its path."
  `);
  const half = await stage.in({ PATH: stage.pathOf("cp") });
  half.program(disk({ image: bootable, formats: ["raw", "vmdk"], directory: "out" }));
  expect(stage.plain(await half.run(...up))).toMatchInlineSnapshot(`
    "bootable:index:Disk (web):
      error: 1 error occurred:
      	* qemu-img is needed to write vmdk, and none was found on PATH. Written so far: out/web.raw; the next run goes on.
      	  fix: install qemu-utils (Debian) or qemu-img (Fedora), or set bootable:tools.qemuImg to its path."
  `);
  expect(readdirSync(join(stage.workspace.directory, "out"))).toEqual(["web.raw"]);
  await stage.good("resources: {}\n", ...up);
  expect(readdirSync(join(stage.workspace.directory, "out"))).toEqual([]);
});

test("machines' names and ports are checked", async () => {
  const named = { machines: ["a", "a", "B_"], ports: { 80: { a: 8080 }, 81: { a: 8080 } }, healthCheck: { tcp: { port: 22 } } };
  expect(await stage.told(machines(named), "preview")).toMatchInlineSnapshot(`
    "bootable:qemu:MachineGroup (kiosk):
      error: bootable:qemu:MachineGroup resource 'kiosk' has a problem: machines[2]: "B_" is no name for a machine; use 1 to 63 lower-case letters, digits and inner dashes, such as web-1
      error: bootable:qemu:MachineGroup resource 'kiosk' has a problem: machines[1]: "a" is there twice
      error: bootable:qemu:MachineGroup resource 'kiosk' has a problem: ports["81"].a: 8080 is forwarded to port 80 of "a" already; one port leads to one place
      error: bootable:qemu:MachineGroup resource 'kiosk' has a problem: healthCheck.tcp.port: port 22 is not forwarded, so nobody can ask there; add {"22": {}} to ports"
  `);
});

test("a port that another program has", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const told = await stage.told(machines({ ports: { 80: { "kiosk-1": port } } }), ...up);
  await new Promise((resolve) => server.close(resolve));
  expect(told.replaceAll(String(port), "PORT")).toMatchInlineSnapshot(`
    "bootable:qemu:MachineGroup (kiosk):
      error: 1 error occurred:
      	* The rollout of <digest> to MachineGroup "kiosk" stopped at kiosk-1: Port PORT on 127.0.0.1, which machine "kiosk-1" forwards to its port 80, is taken by node (process <id>). The machine was left as it was. Left as it is (absent): kiosk-1.
      	  fix: end that program, set ports to another number for guest port 80, or leave the number out."
  `);
});

test("Ctrl-C while a machine boots, a second up meanwhile, a machine that does not come up, and no trace of it", async () => {
  const waiting = { ports: { 80: {} }, healthCheck: { tcp: { port: 80 }, timeoutSeconds: 900 } };
  const run = stage.start(machines(waiting), ...up);
  await expect.poll(() => stage.machines(), { timeout: 120_000 }).not.toEqual([]);

  const second = await stage.workspace.run(...up);
  expect(second.exitCode).not.toBe(0);
  expect(second.output.replaceAll(/\S+\/locks\/\S+: created by \S+ \(pid \d+\) at \S+/g, "<lock>")).toMatchInlineSnapshot(`
    "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file with \`pulumi cancel\`.
      <lock>
    "
  `);

  const interrupted = performance.now();
  run.process.kill("SIGINT");
  const ended = await run.finished;
  console.log(`Ctrl-C to the end of pulumi while a machine boots: ${Math.round(performance.now() - interrupted)} ms`);
  expect(stage.plain(ended)).toMatchInlineSnapshot(`
    "bootable:qemu:MachineGroup (kiosk):
      error: 1 error occurred:
      	* The rollout of <digest> to MachineGroup "kiosk" was cancelled. Interrupted: kiosk-1.
      	  fix: run pulumi up again; it goes on from what the hosts run."
  `);

  const impatient = machines({ ...waiting, healthCheck: { tcp: { port: 80 }, timeoutSeconds: 5 } });
  const told = await stage.told(impatient, ...up);
  // What firmware writes in five seconds is its own affair.
  expect(told.replace(/(?:last lines of its console:|Nothing was written to its console\.)[^]*(?=\n.*fix: )/, "CONSOLE"))
    .toMatchInlineSnapshot(`
    "bootable:qemu:MachineGroup (kiosk):
      error: 1 error occurred:
      	* The rollout of <digest> to MachineGroup "kiosk" stopped at kiosk-1 (canary): Machine "kiosk-1" did not come up on <digest> within 5 s: a connection to 127.0.0.1:PORT (guest port 80) did not answer. Left as it is (<digest>, unhealthy): kiosk-1.
      	  CONSOLE
      	  fix: correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
  `);
  // Firmware alone hears no request to shut down, and its time to do so would have to pass.
  for (const id of stage.machines()) process.kill(id, "SIGKILL");
  await stage.good("resources: {}\n", ...up);
  expect(stage.machines()).toEqual([]);
  expect(readdirSync(join(stage.computer, "state/bootable/qemu"))).toEqual([]);
});

test("a state that a newer provider wrote is left alone", async () => {
  await stage.good(disk({ image: bootable }), ...up);
  const exported = join(stage.computer, "stack.json");
  await stage.workspace.run("stack", "export", "--file", exported);
  const text = readFileSync(exported, "utf8");
  const setVersion = async (version: number): Promise<void> => {
    writeFileSync(exported, text.replace(/"__stateVersion": 1/, `"__stateVersion": ${version}`));
    await stage.workspace.run("stack", "import", "--file", exported);
  };
  await setVersion(2);
  expect(await stage.told(disk({ image: empty }), ...up)).toMatchInlineSnapshot(`
    "bootable:index:Disk (web):
      error: Disk "web" was last changed by a newer bootable provider: its state has version 2, and this one reads versions up to 1. Nothing was changed.
      fix: use the version of the provider that changed it last, or a newer one."
  `);
  expect(await stage.told(disk({ image: empty }), "refresh", "--yes")).toMatchInlineSnapshot(`
    "bootable:index:Disk (web):
      error: Preview failed: Disk "web" was last changed by a newer bootable provider: its state has version 2, and this one reads versions up to 1. Nothing was changed.
      fix: use the version of the provider that changed it last, or a newer one."
  `);
  expect(await stage.told(disk({ image: empty }), "destroy", "--yes")).toMatchInlineSnapshot(`
    "bootable:index:Disk (web):
      error: Disk "web" was last changed by a newer bootable provider: its state has version 2, and this one reads versions up to 1. Nothing was changed.
      fix: use the version of the provider that changed it last, or a newer one."
  `);
  await setVersion(1);
  await stage.good("resources: {}\n", ...up);
});
