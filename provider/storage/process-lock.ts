/** Locks between processes of one user on one computer. The kernel frees them when their holder dies, however it dies. */
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cancelled, Failure } from "../failure.ts";

export interface Lock {
  release(): Promise<void>;
}

const shortestWaitMilliseconds = 5;

/** A listening socket is the lock: only one process can bind a name. Linux has names without files (abstract sockets). */
function address(name: string): string {
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 32);
  const file = `bootable-${process.getuid?.() ?? 0}-${hash}`;
  return process.platform === "linux" ? `\0${file}` : join(tmpdir(), `${file}.lock`);
}

function listen(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((waiter) => {
      waiter.on("error", () => waiter.destroy());
      waiter.resume();
    });
    server.once("error", (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? resolve(undefined) : reject(error)));
    server.listen(address(name), () => {
      server.unref();
      resolve(server);
    });
  });
}

/** Resolves when the holder lets go or dies: its end of the connection closes. */
function holderGone(name: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const path = address(name);
    const socket = connect(path);
    const done = (): void => {
      socket.destroy();
      signal.removeEventListener("abort", done);
      resolve();
    };
    signal.addEventListener("abort", done, { once: true });
    socket.once("close", done);
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" && !path.startsWith("\0")) rmSync(path, { force: true });
      setTimeout(done, 20);
    });
    if (signal.aborted) done();
  });
}

/** The lock, or undefined when another holds it (this process counts as another, too). */
export async function tryLock(name: string): Promise<Lock | undefined> {
  const server = await listen(name);
  if (server === undefined) return undefined;
  const waiters = new Set<{ destroy(): unknown }>();
  server.on("connection", (waiter) => {
    waiters.add(waiter);
    waiter.once("close", () => waiters.delete(waiter));
  });
  const release = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const waiter of waiters) waiter.destroy();
    });
  return { release };
}

function stillHeld(name: string, seconds: number): Failure {
  return new Failure({
    kind: "environment",
    code: "locked",
    message: `${name} has been in use by another process for ${seconds} s, which is as long as this run waits. Nothing of it was changed.`,
    fix: "look for another run of pulumi that hangs, end it, and run this one again.",
  });
}

export interface Waiting {
  readonly signal: AbortSignal;
  /** Called once, when another holds the lock: whoever waits must see what for. */
  readonly onWait?: () => void;
  /** How long to wait at most; for what no honest process holds for long. Anybody on this computer can hold any name. */
  readonly patienceSeconds?: number;
}

/** Waits for the lock `name` (any text; a path is a good one), runs `work` under it, lets go. */
export async function withLock<T>(name: string, waiting: Waiting, work: () => Promise<T>): Promise<T> {
  const { onWait, patienceSeconds } = waiting;
  const timeout = patienceSeconds === undefined ? [] : [AbortSignal.timeout(patienceSeconds * 1000)];
  const signal = AbortSignal.any([waiting.signal, ...timeout]);
  for (let waits = 0; ; waits += 1) {
    if (waiting.signal.aborted) throw cancelled(`Waiting for another process that uses ${name}`);
    const lock = await tryLock(name);
    if (lock === undefined) {
      if (timeout[0]?.aborted === true) throw stillHeld(name, patienceSeconds ?? 0);
      if (waits === 0) onWait?.();
      // A holder that turns everybody away must not keep us busy.
      await Promise.all([holderGone(name, signal), sleep(shortestWaitMilliseconds)]);
      continue;
    }
    try {
      return await work();
    } finally {
      await lock.release();
    }
  }
}
