/** The small parts of a machine: credentials, ports, firmware, console, accelerator, settings. */
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, property, string } from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { describeFailure, Failure } from "../../provider/failure.ts";
import { Accelerators } from "../../provider/hosts/qemu-accelerator.ts";
import { consoleLimitBytes, consoleTail, lastLines, startRecorder } from "../../provider/hosts/qemu-console.ts";
import { tmpfilesText } from "../../provider/hosts/qemu-credentials.ts";
import { findFirmware } from "../../provider/hosts/qemu-firmware.ts";
import { hasEstablished } from "../../provider/hosts/qemu-health.ts";
import { choosePorts, listeningInode } from "../../provider/hosts/qemu-ports.ts";
import type { QemuPrograms } from "../../provider/hosts/qemu-programs.ts";
import { groupPlaces, machineFolder, readRecord } from "../../provider/hosts/qemu-record.ts";
import { hashSettings } from "../../provider/hosts/qemu-settings.ts";
import { replaceFile } from "../../provider/storage/atomic-file.ts";
import { runProgram, startDetached } from "../../provider/tools/process.ts";
import { qemu } from "../../provider/tools/qemu.ts";
import { isRunning, until } from "../tools/process-waiting.ts";
import { plainSettings, signal } from "./workshop.ts";

async function failureOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (thrown) {
    if (thrown instanceof Failure) return describeFailure(thrown);
    throw thrown;
  }
  throw new Error("nothing was thrown");
}

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bootable-parts-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test("files become lines of tmpfiles.d, and files wanted no more are removed first", () => {
  const files = [
    { path: "/etc/a file", content: "x\n" },
    { path: '/etc/100%"', content: "" },
    { path: "/root/.ssh/authorized_keys", content: "ssh-ed25519 AAAA me\n" },
  ];
  expect(tmpfilesText({ machine: "kiosk-1", files, gone: ["/etc/old"] })).toMatchInlineSnapshot(`
    "d /root/.ssh 0700 root root - -
    r "/etc/old" - - - - -
    f+~ "/etc/a file" 0600 root root - eAo=
    f+~ "/etc/100%%\\"" 0600 root root - 
    f+~ "/root/.ssh/authorized_keys" 0600 root root - c3NoLWVkMjU1MTkgQUFBQSBtZQo=
    "
  `);
});

test("whatever a file holds, its line carries it whole", () => {
  const carried = property(string({ unit: "binary" }), (content) => {
    const line = tmpfilesText({ machine: "m", files: [{ path: "/f", content }], gone: [] });
    expect(Buffer.from(line.trim().split(" ").at(-1) ?? "", "base64").equals(Buffer.from(content)) || content === "").toBe(true);
    expect(line.split("\n")).toHaveLength(2);
  });
  assert(carried);
  expect.assertions(200);
});

test("more than systemd takes is refused", async () => {
  const files = [{ path: "/big", content: "x".repeat(800_000) }];
  expect(await failureOf(() => tmpfilesText({ machine: "kiosk-1", files, gone: [] }))).toMatchInlineSnapshot(`
    "files of machine "kiosk-1" hold 782 KiB in all; systemd credentials carry at most 732 KiB
    fix: put large files into the image."
  `);
});

test("ports are kept where they can be, chosen apart, and given up where another has them", async () => {
  const first = await choosePorts({ machine: "m", wanted: { "80": undefined, "22": undefined }, kept: {}, leftAs: "" });
  expect(new Set(Object.values(first)).size).toBe(2);
  expect(await choosePorts({ machine: "m", wanted: { "80": undefined, "22": undefined }, kept: first, leftAs: "" })).toEqual(first);
  const server = await listening(first["80"] ?? 0);
  const second = await choosePorts({ machine: "m", wanted: { "80": undefined, "22": undefined }, kept: first, leftAs: "" });
  expect(second["22"]).toBe(first["22"]);
  expect(second["80"]).not.toBe(first["80"]);
  await new Promise((closed) => server.close(closed));
});

function listening(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(port, "127.0.0.1", () => resolve(server));
  });
}

test("who listens is read from the kernel's table", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 0100007F:9C90 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 11 1",
    "   1: 0100007F:9C90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1",
  ].join("\n");
  expect(listeningInode(table, 40080)).toBe("12345");
  expect(listeningInode(table, 80)).toBeUndefined();
});

test("only the row of the guest's port that has been answered counts", () => {
  const table = [
    "Hub -1 (network):",
    "  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ",
    "  TCP[SYN_SENT]      20       127.0.0.1 40080       10.0.2.15    80     0     0",
    "  TCP[ESTABLISHED]   21       127.0.0.1 40022       10.0.2.15    22     0     0",
    "  TCP[HOST_FORWARD]  18       127.0.0.1 40080       10.0.2.15    80     0     0",
  ].join("\r\n");
  expect(hasEstablished(table, 22)).toBe(true);
  expect(hasEstablished(table, 80)).toBe(false);
});

test("firmware: the larger variables first, and what to install when there is none", async () => {
  const there = new Set(["/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"]);
  expect(await findFirmware("amd64", async (path) => there.has(path))).toEqual({
    code: "/usr/share/OVMF/OVMF_CODE.fd",
    variables: "/usr/share/OVMF/OVMF_VARS.fd",
  });
  expect(await findFirmware("arm64", async () => true)).toEqual({
    code: "/usr/share/AAVMF/AAVMF_CODE.fd",
    variables: "/usr/share/AAVMF/AAVMF_VARS.fd",
  });
  expect(await failureOf(() => findFirmware("amd64", async () => false))).toMatchInlineSnapshot(`
    "UEFI firmware for linux/amd64 is needed to run machines, and none was found (looked for /usr/share/OVMF/OVMF_CODE_4M.fd and where other distributions keep it).
    fix: install ovmf (Debian) or edk2-ovmf (Fedora)."
  `);
  expect(await failureOf(() => findFirmware("arm64", async () => false))).toMatchInlineSnapshot(`
    "UEFI firmware for linux/arm64 is needed to run machines, and none was found (looked for /usr/share/AAVMF/AAVMF_CODE.fd and where other distributions keep it).
    fix: install qemu-efi-aarch64 (Debian) or edk2-aarch64 (Fedora)."
  `);
});

/** The real programs, but for the trial, whose outcome depends on the computer. */
function accelerators(problem: string | undefined): { chooser: Accelerators; tries: () => number } {
  let tries = 0;
  const programs: QemuPrograms = {
    ...qemu(runProgram, startDetached),
    tryKvm: async () => {
      tries++;
      return problem;
    },
  };
  return { chooser: new Accelerators(programs), tries: () => tries };
}

test("KVM that does not work: auto falls back with a remark, kvm says what to do, one trial is enough", async () => {
  const { chooser, tries } = accelerators("KVM internal error. Suberror: 1");
  const request = { architecture: "amd64", firmware: { code: "", variables: "" }, signal };
  const auto = await chooser.choose({ ...request, wanted: "auto" });
  expect(auto.accelerator).toBe("tcg");
  expect(auto.remark).toMatch(/^KVM does not work here \(.+\): machines are emulated, which is slow$/);
  const text = await failureOf(() => chooser.choose({ ...request, wanted: "kvm" }));
  expect(text.replace(/computer: .*/, "computer: SEEN.")).toMatchInlineSnapshot(`
    "accelerator "kvm" does not work on this computer: SEEN.
    fix: give this user access to a working /dev/kvm, or set accelerator to "auto" or "tcg"."
  `);
  expect(tries()).toBeLessThanOrEqual(1);
  expect(await chooser.choose({ ...request, wanted: "tcg" })).toEqual({ accelerator: "tcg" });
});

test("another architecture is never tried on KVM", async () => {
  const { chooser, tries } = accelerators(undefined);
  const other = process.arch === "x64" ? "arm64" : "amd64";
  const request = { architecture: other, firmware: { code: "", variables: "" }, signal };
  const { remark } = await chooser.choose({ ...request, wanted: "auto" });
  expect(remark).toContain(`${other} is wanted`);
  expect((await failureOf(() => chooser.choose({ ...request, wanted: "kvm" }))).replace(/runs .*/, "runs OTHERS.")).toMatchInlineSnapshot(`
    "accelerator "kvm" does not work on this computer: it runs OTHERS.
    fix: set accelerator to "auto" or "tcg"."
  `);
  expect(tries()).toBe(0);
});

test("the preflight of this computer answers", async () => {
  const { machines } = await import("../../provider/hosts/qemu-machines.ts");
  const { ssh } = await import("../../provider/tools/ssh.ts");
  const folder = await scratch();
  const all = machines({ qemu: qemu(runProgram, startDetached), ssh: ssh(runProgram), start: startDetached, stateDirectory: folder });
  const answer = await all.preflight({ ...plainSettings, accelerator: "auto" }, signal);
  expect(answer.accelerator === "kvm" || answer.remark !== undefined).toBe(true);
});

test("the console is shown as plain text", () => {
  const text =
    "\u001b[2J\u001b[01;01HBdsDxe: loading\r\n[\u001b[0;32m  OK  \u001b[0m] Started\u0007 kiosk\r\n\r\n\u001b]0;title\u0007login:\u0000 ";
  expect(lastLines(text)).toBe("BdsDxe: loading\n[  OK  ] Started kiosk\nlogin:");
  expect(lastLines(Array.from({ length: 50 }, (_, index) => `line ${index}`).join("\n")).split("\n")).toHaveLength(20);
  expect(Buffer.byteLength(lastLines("x".repeat(100_000)))).toBeLessThanOrEqual(2048);
});

test("the recorder keeps the newest output within its bound, and ends with its machine", async () => {
  const folder = await scratch();
  await startRecorder(startDetached, folder, "kiosk-1");
  const recorder = Number(await readFile(join(folder, "recorder.pid"), "utf8"));
  const visitor = await new Promise<Socket>((connected) => {
    const server = createServer((socket) => {
      server.close();
      connected(socket);
    }).listen(join(folder, "console.sock"));
  });
  const line = `${"x".repeat(1000)}\n`;
  for (let written = 0; written < 2 * consoleLimitBytes; written += line.length) {
    if (!visitor.write(line)) await new Promise((drained) => visitor.once("drain", drained));
  }
  visitor.end("the last line\n");
  await until("the end of the recorder", () => !isRunning(recorder));
  const sizes = await Promise.all(["console.log", "console.old.log"].map(async (name) => (await stat(join(folder, name))).size));
  expect((sizes[0] ?? 0) + (sizes[1] ?? 0)).toBeLessThanOrEqual(consoleLimitBytes);
  expect(sizes[1]).toBeGreaterThan(consoleLimitBytes / 4);
  expect((await consoleTail(folder)).endsWith("the last line")).toBe(true);
});

test("the settings' hash knows every setting and no order", () => {
  const settings = { ...plainSettings, ports: { "80": 1, "22": undefined }, files: { "/a": "1", "/b": "2" } };
  const same = { ...plainSettings, files: { "/b": "2", "/a": "1" }, ports: { "22": undefined, "80": 1 } };
  expect(hashSettings(settings)).toBe(hashSettings(same));
  const others = [
    { memoryBytes: 1 },
    { cpus: 7 },
    { ports: { "80": 2, "22": undefined } },
    { dataDisks: [{ name: "d", sizeBytes: 1 }] },
    { sshAuthorizedKeys: ["k"] },
    { files: { "/a": "1", "/b": "3" } },
    { accelerator: "kvm" as const },
    { platform: { os: "linux", architecture: "arm64" } },
  ];
  const hashes = [settings, ...others.map((other) => ({ ...settings, ...other }))].map(hashSettings);
  expect(new Set(hashes).size).toBe(hashes.length);
});

test("names and URNs never leave their folder", async () => {
  const places = groupPlaces("/state", "urn:pulumi:dev::p::bootable:qemu:MachineGroup::../../etc");
  expect(places.folder).toMatch(/^\/state\/qemu\/-etc-[0-9a-f]{16}$/);
  for (const name of ["..", "a/b", "", "-a", "a".repeat(64), "a\0"]) expect(() => machineFolder(places, name)).toThrow(Failure);
  expect(await failureOf(() => machineFolder(places, "a/b"))).toMatchInlineSnapshot(
    `"machine name "a/b" is not one a folder can have; use 1 to 63 letters, digits and dashes"`,
  );
});

test("a record of another version is left alone", async () => {
  const folder = await scratch();
  await replaceFile(join(folder, "machine.json"), '{"version":2,"name":"kiosk-1"}');
  expect((await failureOf(() => readRecord(folder))).replace(folder, "FOLDER")).toMatchInlineSnapshot(`
    "FOLDER/machine.json is not a machine's record that this version of the provider can read, so nothing was done with that machine.
    fix: use the version of the provider that wrote it, or remove the machine's folder."
  `);
  await expect(readRecord(join(folder, "none"))).resolves.toBeUndefined();
});
