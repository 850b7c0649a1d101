/** Forwarded ports on 127.0.0.1: taken as the user fixed them, kept from boot to boot, or chosen by the kernel. */
import { readdir, readFile, readlink } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { basename } from "node:path";
import { Failure } from "../failure.ts";

const address = "127.0.0.1";

export interface PortWishes {
  readonly machine: string;
  /** Guest port to the port that the user fixed, or undefined. */
  readonly wanted: Readonly<Record<string, number | undefined>>;
  /** What the last boot had. */
  readonly kept: Readonly<Record<string, number>>;
  /** How the machine is left when a port is taken: a sentence. */
  readonly leftAs: string;
}

/** Call it when the machine's own process is gone: it held the ports. */
export async function choosePorts({ machine, wanted, kept, leftAs }: PortWishes): Promise<Record<string, number>> {
  const held: Server[] = [];
  try {
    const chosen: Record<string, number> = {};
    const entries = Object.entries(wanted);
    // Fixed ones first: the kernel must not choose a port that another entry has fixed.
    for (const [guestPort, port] of entries.filter(([, port]) => port !== undefined)) {
      const server = await listen(port ?? 0);
      if (server === undefined) throw await taken({ machine, leftAs }, guestPort, port ?? 0);
      held.push(server);
      chosen[guestPort] = port ?? 0;
    }
    for (const [guestPort] of entries.filter(([, port]) => port === undefined)) {
      const server = (await listen(kept[guestPort] ?? 0)) ?? (await listen(0));
      if (server === undefined) throw noneLeft(machine, guestPort);
      held.push(server);
      chosen[guestPort] = portOf(server);
    }
    return chosen;
  } finally {
    await Promise.all(held.map((server) => new Promise((closed) => server.close(closed))));
  }
}

/** A listening socket, so that no port is chosen twice; undefined when another has the port. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((visitor) => visitor.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve(undefined);
      else reject(error);
    });
    server.listen({ port, host: address, exclusive: true }, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const bound = server.address();
  return typeof bound === "object" && bound !== null ? bound.port : 0;
}

async function taken({ machine, leftAs }: Pick<PortWishes, "machine" | "leftAs">, guestPort: string, port: number): Promise<Failure> {
  const holder = await portHolder(port);
  const by = holder === undefined ? "another program" : holder;
  const message = `Port ${port} on ${address}, which machine "${machine}" forwards to its port ${guestPort}, is taken by ${by}. ${leftAs}`;
  const fix = `end that program, set ports to another number for guest port ${guestPort}, or leave the number out.`;
  return new Failure({ kind: "environment", code: "port-taken", message, fix });
}

function noneLeft(machine: string, guestPort: string): Failure {
  const message = `No port on ${address} is left to forward to port ${guestPort} of machine "${machine}".`;
  return new Failure({ kind: "environment", message, fix: "end programs that hold ports, then run pulumi up again." });
}

/** `nginx (process 812)`, as far as /proc shows it to this user. */
export async function portHolder(port: number): Promise<string | undefined> {
  const inode = listeningInode(await readFile("/proc/net/tcp", "utf8").catch(() => ""), port);
  if (inode === undefined) return undefined;
  const processes = (await readdir("/proc").catch(() => [])).filter((name) => /^[0-9]+$/.test(name));
  for (const processId of processes) {
    const files = await readdir(`/proc/${processId}/fd`).catch(() => []);
    for (const file of files) {
      const target = await readlink(`/proc/${processId}/fd/${file}`).catch(() => "");
      if (target !== `socket:[${inode}]`) continue;
      const program = await readlink(`/proc/${processId}/exe`).catch(() => "a program");
      return `${basename(program)} (process ${processId})`;
    }
  }
  return undefined;
}

/** From the table of /proc/net/tcp: local address and port in hexadecimal, state 0A listens, the tenth word is the inode. */
export function listeningInode(table: string, port: number): string | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = table.split("\n").map((line) => line.trim().split(/\s+/));
  return rows.find((row) => row[1]?.endsWith(suffix) === true && row[3] === "0A")?.[9];
}
