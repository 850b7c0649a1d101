/** Asks a machine from the outside whether it does its work, through its forwarded ports. */
import { get } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import type { HealthCheck } from "../model/health-check.ts";
import { inside } from "./qemu-record.ts";
import type { SshPrograms } from "./qemu-programs.ts";
import { withMonitor } from "./qmp.ts";

export interface Patient {
  readonly folder: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly ssh: SshPrograms;
}

/** One question; undefined when the answer is good, else what was seen, as the end of a sentence. Never throws but when aborted. */
export interface Probe {
  readonly subject: string;
  ask(timeoutSeconds: number, signal: AbortSignal): Promise<string | undefined>;
}

/** Without a health check nothing in the guest is asked: a machine is healthy as long as its process runs. */
export function probeOf(check: HealthCheck | undefined, patient: Patient): Probe {
  if (check?.http !== undefined) return httpProbe(check.http, patient);
  if (check?.tcp !== undefined) return tcpProbe(check.tcp.port, patient);
  if (check?.ssh !== undefined) return sshProbe(check.ssh.command, patient);
  return { subject: "its process", ask: async () => undefined };
}

function notForwarded(guestPort: number): string {
  return `guest port ${guestPort} is not among its ports`;
}

function httpProbe({ port, path, status }: NonNullable<HealthCheck["http"]>, { ports }: Patient): Probe {
  const hostPort = ports[port];
  const subject = `GET http://127.0.0.1:${hostPort ?? "?"}${path} (guest port ${port})`;
  if (hostPort === undefined) return { subject, ask: async () => notForwarded(port) };
  const ask: Probe["ask"] = (timeoutSeconds, signal) =>
    new Promise((resolve) => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
      const request = get({ host: "127.0.0.1", port: hostPort, path, signal: limit, agent: false, headers: { connection: "close" } });
      request.once("response", (response) => {
        response.destroy();
        resolve(response.statusCode === status ? undefined : `answered ${response.statusCode}, not ${status}`);
      });
      request.once("error", (error: NodeJS.ErrnoException) => {
        resolve(limit.aborted ? `did not answer within ${timeoutSeconds} s` : `ended without an answer (${error.code ?? error.message})`);
      });
    });
  return { subject, ask };
}

/**
 * QEMU accepts a forwarded connection before it asks the guest, so an open connection proves nothing: its table of
 * connections tells whether the guest has answered.
 */
function tcpProbe(guestPort: number, { ports, folder }: Patient): Probe {
  const hostPort = ports[guestPort];
  const subject = `a connection to 127.0.0.1:${hostPort ?? "?"} (guest port ${guestPort})`;
  if (hostPort === undefined) return { subject, ask: async () => notForwarded(guestPort) };
  const ask: Probe["ask"] = async (timeoutSeconds, signal) => {
    const socket = connect({ host: "127.0.0.1", port: hostPort });
    try {
      let state = "";
      const ended = new Promise<string>((resolve) => {
        socket.once("close", () => resolve("closed"));
        socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        socket.once("data", () => resolve("data"));
      }).then((how) => (state = how));
      socket.resume();
      const deadline = performance.now() + timeoutSeconds * 1000;
      while (performance.now() < deadline && !signal.aborted) {
        await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 100))]);
        if (state === "data") return undefined;
        if (state !== "") return "was refused by the guest";
        if ((await isEstablished(folder, guestPort, signal)) && (state as string) === "") return undefined;
      }
      return `was not accepted by the guest within ${timeoutSeconds} s`;
    } finally {
      socket.destroy();
    }
  };
  return { subject, ask };
}

async function isEstablished(folder: string, guestPort: number, signal: AbortSignal): Promise<boolean> {
  const monitor = { socket: join(folder, inside.monitorSocket), timeoutSeconds: 5, signal };
  const table = await withMonitor(monitor, (qmp) => qmp.execute("human-monitor-command", { "command-line": "info usernet" })).catch(
    () => "",
  );
  return hasEstablished(String(table), guestPort);
}

/** Rows of `info usernet`: `TCP[ESTABLISHED] 12 127.0.0.1 40022 10.0.2.15 22 0 0`. */
export function hasEstablished(table: string, guestPort: number): boolean {
  const rows = table.split("\n").map((line) => line.trim().split(/\s+/));
  return rows.some((row) => row[0] === "TCP[ESTABLISHED]" && row[5] === String(guestPort));
}

function sshProbe(command: readonly string[], { ports, ssh, folder }: Patient): Probe {
  const port = ports["22"];
  const subject = `ssh command ${JSON.stringify(command.join(" "))}`;
  if (port === undefined) return { subject, ask: async () => `${notForwarded(22)}, so nobody can log in` };
  const files = { directory: folder, keyFile: inside.healthKey, knownHostsFile: inside.knownHosts };
  return { subject, ask: (timeoutSeconds, signal) => ssh.runCommand({ ...files, port, command, timeoutSeconds, signal }) };
}
