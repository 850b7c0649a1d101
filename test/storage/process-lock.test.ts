import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { expect, test } from "vitest";
import { tryLock, withLock } from "../../provider/storage/process-lock.ts";

const never = new AbortController().signal;

async function holder(name: string): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [new URL("lock-holder.ts", import.meta.url).pathname, name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [bytes] = (await once(child.stdout, "data")) as [Buffer];
  return { child, said: bytes.toString().trim() };
}

test("another process's lock is respected, and is free at once when that process is killed", async () => {
  const name = randomUUID();
  const { child, said } = await holder(name);
  expect(said).toBe("held");
  expect(await tryLock(name)).toBeUndefined();
  const waiting = withLock(name, never, () => Promise.resolve("mine"));
  child.kill("SIGKILL");
  expect(await waiting).toBe("mine");
});

test("two processes never hold one lock", async () => {
  const name = randomUUID();
  const holders = await Promise.all([holder(name), holder(name), holder(name)]);
  expect(holders.map(({ said }) => said).toSorted()).toEqual(["busy", "busy", "held"]);
  for (const { child } of holders) child.kill("SIGKILL");
});

test("a hundred waiters in one process take turns", async () => {
  const name = randomUUID();
  let inside = 0;
  let most = 0;
  const turn = async (): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 100 }, () => withLock(name, never, turn)));
  expect({ most, inside }).toEqual({ most: 1, inside: 0 });
});

test("waiting ends when the run is cancelled, and the lock is let go after an error", async () => {
  const name = randomUUID();
  await expect(withLock(name, never, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  const held = await tryLock(name);
  const stop = new AbortController();
  const waiting = withLock(name, stop.signal, () => Promise.resolve());
  stop.abort();
  await expect(waiting).rejects.toThrow(`Waiting for another process that uses ${name} was cancelled.`);
  await held?.release();
});
