/** Machines that really boot: the page is served, files arrive, a swap and a rollback change what runs, data stays. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { HealthCheck } from "../../provider/model/health-check.ts";
import type { MachineSettings } from "../../provider/model/machine.ts";
import type { CachedDisk, MachineDriver } from "../../provider/resources/ports.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { sshArgs } from "../../provider/tools/ssh.ts";
import { isRunning, processesWith, until } from "../tools/process-waiting.ts";
import { makeGuestDisk } from "./guest-disk.ts";
import { digestOf, known, openWorkshop, signal, type Workshop } from "./workshop.ts";

const page: HealthCheck = { http: { port: 80, path: "/", status: 200 }, timeoutSeconds: 300, intervalSeconds: 1 };
const login: HealthCheck = { ssh: { command: ["sh", "-c", "exit 0"] }, timeoutSeconds: 300, intervalSeconds: 2 };
const awkward = 'line one\n100%n of "it" \\x\u0000end';
const settings: Record<string, Partial<MachineSettings>> = {
  "kiosk-1": {
    memoryBytes: 384 * 1024 ** 2,
    cpus: 2,
    ports: { "80": undefined, "22": undefined },
    files: { "/etc/kiosk/secret file": awkward },
    dataDisks: [{ name: "records", sizeBytes: 64 * 1024 ** 2 }],
  },
};

let folder = "";
let workshop: Workshop;
const disks = new Map<string, CachedDisk>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bootable-guests-"));
  for (const version of ["v1", "v2", "v3"]) disks.set(version, await makeGuestDisk(folder, version, version === "v3"));
  workshop = await openWorkshop({ shutdownSeconds: 30 });
});

afterAll(async () => {
  await workshop?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function driverOf(version: string, more: { settings?: typeof settings; healthCheck?: HealthCheck } = {}): MachineDriver {
  const disk = disks.get(version);
  return workshop.driver(version, { settings, healthCheck: page, disk: async () => disk ?? Promise.reject(new Error(version)), ...more });
}

async function served(): Promise<string> {
  const { ports } = await driverOf("v1").observe("kiosk-1", signal);
  const answer = await fetch(`http://127.0.0.1:${ports["80"]}/`);
  return answer.text();
}

/** The output of a command in the guest, logged in with the key that the health check uses. */
async function inGuest(command: string): Promise<string> {
  const { ports, console } = await driverOf("v1").observe("kiosk-1", signal);
  const args = sshArgs({
    port: ports["22"] ?? 0,
    command: ["sh", "-c", command],
    keyFile: "ssh-health",
    knownHostsFile: "known-hosts",
    timeoutSeconds: 60,
  });
  const workingDirectory = join(console, "..");
  return (await runProgram({ program: "ssh", args, purpose: "to look into the guest", workingDirectory, signal, timeoutSeconds: 120 }))
    .stdout;
}

async function swapTo(version: string, driver = driverOf(version)): Promise<string> {
  const began = performance.now();
  await driver.prepare("kiosk-1", digestOf(version), signal);
  const prepared = performance.now();
  await driver.swap("kiosk-1", digestOf(version), signal);
  const started = performance.now();
  const { kind } = await driver.confirm("kiosk-1", digestOf(version), signal);
  const seconds = [prepared - began, started - prepared, performance.now() - started].map((part) => (part / 1000).toFixed(1));
  console.log(
    `${version}: prepared in ${seconds[0]} s, old one down and new one started in ${seconds[1]} s, ${kind} after ${seconds[2]} s`,
  );
  return kind;
}

test("a machine boots, serves its page, and has its files, keys and data disk", async () => {
  expect(await swapTo("v1")).toBe("confirmed");
  expect(await served()).toBe("v1");
  expect((await driverOf("v1", { healthCheck: login }).confirm("kiosk-1", digestOf("v1"), signal)).kind).toBe("confirmed");
  expect(await inGuest('cat "/etc/kiosk/secret file"')).toBe(awkward);
  expect(await inGuest("stat -c '%a %U' '/etc/kiosk/secret file' /root/.ssh/authorized_keys")).toBe("600 root\n600 root\n");
  expect(await inGuest("cat /proc/cmdline")).toContain(`bootable.image=${digestOf("v1")}`);
  await inGuest("printf kept | dd of=/dev/vdb conv=fsync");
  const { processId } = await driverOf("v1").observe("kiosk-1", signal);
  expect(processesWith("kiosk/secret").length + processesWith(Buffer.from(awkward).toString("base64")).length).toBe(0);
  expect(isRunning(known(processId))).toBe(true);
  await driverOf("v1").settle("kiosk-1", signal);
});

test("TCP health sees the guest listen, and sees it not listen though QEMU accepts", async () => {
  const on = (port: number): HealthCheck => ({ tcp: { port }, timeoutSeconds: 5, intervalSeconds: 1 });
  const more = { settings: { "kiosk-1": { ...settings["kiosk-1"], ports: { "22": undefined, "80": undefined } } } };
  expect((await driverOf("v1", { ...more, healthCheck: on(80) }).confirm("kiosk-1", digestOf("v1"), signal)).kind).toBe("confirmed");
  await inGuest("systemctl stop kiosk");
  const refused = await driverOf("v1", { ...more, healthCheck: on(80) }).confirm("kiosk-1", digestOf("v1"), signal);
  expect(refused.kind).toBe("unhealthy");
  expect(refused.kind === "confirmed" ? "" : refused.reason.message).toContain("was refused by the guest");
  await inGuest("systemctl start kiosk");
});

test("a swap brings the other image, a broken one is taken back, and the data disk stays", async () => {
  expect(await swapTo("v2")).toBe("confirmed");
  expect(await served()).toBe("v2");
  expect((await driverOf("v2", { healthCheck: login }).confirm("kiosk-1", digestOf("v2"), signal)).kind).toBe("confirmed");
  expect(await inGuest("head -c 4 /dev/vdb")).toBe("kept");
  await driverOf("v2").settle("kiosk-1", signal);

  const driver = driverOf("v3", { healthCheck: { ...page, timeoutSeconds: 20 } });
  expect(await swapTo("v3", driver)).toBe("unhealthy");
  const began = performance.now();
  expect((await driverOf("v3").rollBack("kiosk-1", digestOf("v2"), signal)).kind).toBe("confirmed");
  console.log(`rolled back in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  expect(await served()).toBe("v2");
  expect(await driverOf("v3").observe("kiosk-1", signal)).toMatchObject({ booted: digestOf("v2"), health: "healthy", settled: true });
});

test("killed by hand it is absent, and started again it is what it was", async () => {
  const { processId } = await driverOf("v2").observe("kiosk-1", signal);
  process.kill(known(processId), "SIGKILL");
  await until("the end of QEMU", () => !isRunning(known(processId)));
  expect((await driverOf("v2").observe("kiosk-1", signal)).health).toBe("absent");
  expect(await swapTo("v2")).toBe("confirmed");
  expect(await served()).toBe("v2");
});
