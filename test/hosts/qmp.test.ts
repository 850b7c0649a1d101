/** The client of QEMU's protocol, against a real QEMU that runs nothing, and against servers that misbehave. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withMonitor, type Monitor, type MonitorRequest } from "../../provider/hosts/qmp.ts";
import { startDetached } from "../../provider/tools/process.ts";
import { isRunning, until } from "../tools/process-waiting.ts";

let folder = "";
let socket = "";
let processId = 0;
const servers: Server[] = [];
const visitors: Socket[] = [];

beforeAll(async () => {
  const parent = await mkdtemp(join(tmpdir(), "bootable-qmp-"));
  folder = join(parent, "a".repeat(120));
  await mkdir(folder);
  socket = join(folder, "qmp.sock");
  const args = ["-machine", "none", "-nodefaults", "-display", "none", "-S", "-qmp", "unix:qmp.sock,server=on,wait=off"];
  processId = await startDetached({
    program: "qemu-system-x86_64",
    args,
    purpose: "to test",
    workingDirectory: folder,
    outputFile: join(folder, "log"),
  });
  await expect(answer()).resolves.toBeDefined();
});

afterAll(async () => {
  if (isRunning(processId)) process.kill(processId);
  for (const visitor of visitors) visitor.destroy();
  for (const server of servers) server.close();
  await rm(join(folder, ".."), { recursive: true, force: true });
});

/** QEMU needs a moment until its socket is there. */
async function answer(): Promise<unknown> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask((qmp) => qmp.execute("query-status"));
    } catch (thrown) {
      if (tries === 200) throw thrown;
      await sleep(50);
    }
  }
}

function ask<T>(work: (monitor: Monitor) => Promise<T>, more: Partial<MonitorRequest> = {}): Promise<T> {
  return withMonitor({ socket, timeoutSeconds: 10, signal: new AbortController().signal, ...more }, work);
}

test("it asks, on a socket whose path the kernel would refuse", async () => {
  expect(Buffer.byteLength(socket)).toBeGreaterThan(108);
  expect(await ask((qmp) => qmp.execute("query-status"))).toMatchObject({ running: false, status: "prelaunch" });
});

test("several questions in one conversation, several conversations at once", async () => {
  const names = await Promise.all(
    [1, 2, 3, 4, 5, 6].map(() => ask((qmp) => Promise.all([qmp.execute("query-kvm"), qmp.execute("query-version")]))),
  );
  expect(names.flat()).toHaveLength(12);
});

test("a refusal is told in QEMU's words", async () => {
  await expect(ask((qmp) => qmp.execute("no-such-command"))).rejects.toMatchObject({
    code: "qmp-refused",
    message: "QEMU refused a command: The command no-such-command has not been found.",
  });
});

test("nobody listens", async () => {
  await expect(ask((qmp) => qmp.execute("query-status"), { socket: join(folder, "none.sock") })).rejects.toMatchObject({
    code: "qmp-closed",
    message: "QEMU cannot be talked to: ENOENT.",
  });
});

async function misbehaving(greet: (socket: Socket) => void): Promise<string> {
  const path = join(folder, "..", `${servers.length}.sock`);
  const server = createServer((visitor) => {
    visitors.push(visitor);
    visitor.on("error", () => undefined);
    greet(visitor);
  });
  servers.push(server);
  await new Promise<void>((listening) => server.listen(path, listening));
  return path;
}

test.each<[string, (socket: Socket) => void, object]>([
  ["is silent", () => undefined, { code: "qmp-timeout", message: 'QEMU did not answer "greet" within 0.2 s.' }],
  ["hangs up", (visitor) => visitor.end(), { code: "qmp-closed" }],
  [
    "speaks something else",
    (visitor) => visitor.write("220 smtp\n"),
    { message: "QEMU cannot be talked to: it sent something that is not JSON." },
  ],
  ["greets and says no more", (visitor) => visitor.write('{"QMP":{}}\n{"event":"STOP"}\n'), { code: "qmp-timeout" }],
])("a server that %s", async (_, greet, expected) => {
  const path = await misbehaving(greet);
  await expect(ask((qmp) => qmp.execute("query-status"), { socket: path, timeoutSeconds: 0.2 })).rejects.toMatchObject(expected);
});

test("Ctrl-C ends the conversation", async () => {
  const path = await misbehaving(() => undefined);
  const stop = new AbortController();
  const asking = ask((qmp) => qmp.execute("query-status"), { socket: path, signal: stop.signal, timeoutSeconds: 60 });
  stop.abort();
  await expect(asking).rejects.toMatchObject({ code: "cancelled" });
});

test("QEMU ends when it is told to", async () => {
  await ask((qmp) => qmp.execute("quit"));
  await until("the end of QEMU", () => !isRunning(processId));
  expect(isRunning(processId)).toBe(false);
});
