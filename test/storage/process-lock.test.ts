import { spawn, type ChildProcess } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
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
  const waiting = withLock(name, { signal: never }, () => Promise.resolve("mine"));
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
  await Promise.all(Array.from({ length: 100 }, () => withLock(name, { signal: never }, turn)));
  expect({ most, inside }).toEqual({ most: 1, inside: 0 });
});

test("waiting ends when the run is cancelled, and the lock is let go after an error", async () => {
  const name = randomUUID();
  await expect(withLock(name, { signal: never }, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  const held = await tryLock(name);
  const stop = new AbortController();
  const waiting = withLock(name, stop, () => Promise.resolve());
  stop.abort();
  await expect(waiting).rejects.toThrow(`Waiting for another process that uses ${name} was cancelled.`);
  await held?.release();
});

test("whoever waits is told so once, and waits no longer than it may", async () => {
  const name = randomUUID();
  const held = await tryLock(name);
  let told = 0;
  const waiting = { signal: never, patienceSeconds: 0.1, onWait: () => void (told += 1) };
  const failure = await withLock(name, waiting, () => Promise.resolve("mine")).catch((error: unknown) => error);
  expect(describeFailure(failure as Failure).replace(name, "/store/index.json")).toBe(
    "/store/index.json has been in use by another process for 0.1 s, which is as long as this run waits. Nothing of it was changed.\n" +
      "fix: look for another run of pulumi that hangs, end it, and run this one again.",
  );
  expect(told).toBe(1);
  const patient = withLock(name, { signal: never }, () => Promise.resolve("mine"));
  await held?.release();
  expect(await patient).toBe("mine");
});

test("a holder that turns every waiter away at once does not keep them busy", async () => {
  const name = randomUUID();
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 32);
  let turnedAway = 0;
  const squatter = createServer((waiter) => {
    turnedAway += 1;
    waiter.destroy();
  });
  await new Promise<void>((resolve) => squatter.listen(`\0bootable-${process.getuid?.() ?? 0}-${hash}`, resolve));
  const failure = withLock(name, { signal: never, patienceSeconds: 0.2 }, () => Promise.resolve("mine"));
  await expect(failure).rejects.toThrow("has been in use by another process for 0.2 s");
  expect(turnedAway).toBeLessThan(100);
  squatter.close();
});
