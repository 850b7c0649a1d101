/** One process at a time changes the machines of a group. Whoever changes them holds the lock until it ends. */
import { Failure } from "../failure.ts";
import { makeOwnFolder } from "../storage/own-folder.ts";
import { tryLock, type Lock } from "../storage/process-lock.ts";
import { waitUntil } from "./pause.ts";
import { sweepPartials } from "./qemu-files.ts";
import { readHolder, writeHolder } from "./qemu-holder.ts";
import type { GroupPlaces } from "./qemu-record.ts";

/** Held by this process: a provider serves one run of Pulumi, and the engine lets no two operations at one resource. */
const held = new Map<string, Promise<Lock>>();

/** A provider that was told to stop needs a moment to end. */
const patienceSeconds = 5;

export async function holdGroup(places: GroupPlaces, signal: AbortSignal): Promise<void> {
  const known = held.get(places.folder);
  if (known !== undefined) return void (await known);
  const lock = acquire(places, signal);
  held.set(places.folder, lock);
  lock.catch(() => held.delete(places.folder));
  await lock;
}

export async function releaseGroup(places: GroupPlaces): Promise<void> {
  const lock = held.get(places.folder);
  held.delete(places.folder);
  await (await lock?.catch(() => undefined))?.release();
}

async function acquire(places: GroupPlaces, signal: AbortSignal): Promise<Lock> {
  await makeOwnFolder({ path: places.folder, holds: "Machines", variable: "XDG_STATE_HOME" });
  let lock: Lock | undefined;
  const what = "Waiting for the machines to be free";
  await waitUntil(async () => (lock = await tryLock(`qemu ${places.folder}`)) !== undefined, { seconds: patienceSeconds, signal, what });
  if (lock === undefined) throw await busy(places);
  await sweepPartials(places);
  await writeHolder(places);
  return lock;
}

async function busy(places: GroupPlaces): Promise<Failure> {
  const { processId, since } = await readHolder(places);
  const who = processId === undefined ? "another process" : `another run of this provider (process ${processId}, since ${since})`;
  const message = `The machines of ${places.key} are being changed by ${who}. Nothing was changed by this run.`;
  return new Failure({ kind: "environment", code: "locked", message, fix: "wait until that run has ended, then run pulumi up again." });
}
