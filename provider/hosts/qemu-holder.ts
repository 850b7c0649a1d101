/** Who changes a group, or did last: written by whoever takes its lock, in `holder.json` of the group's folder. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Failure } from "../failure.ts";
import { replaceFile } from "../storage/atomic-file.ts";
import type { GroupPlaces } from "./qemu-record.ts";

export interface Holder {
  readonly processId: number;
  readonly since: string;
  /** Of the program; the engine starts providers there. */
  readonly directory: string;
  /** Hash of the backend's address where the environment names one: addresses may hold passwords. */
  readonly backend?: string;
}

export async function writeHolder(places: GroupPlaces): Promise<void> {
  const holder: Holder = { processId: process.pid, since: new Date().toISOString(), ...here() };
  await replaceFile(places.holder, `${JSON.stringify(holder)}\n`);
}

export async function readHolder(places: GroupPlaces): Promise<Partial<Holder>> {
  const text = await readFile(places.holder, "utf8").catch(() => "{}");
  return JSON.parse(text) as Partial<Holder>;
}

function here(): Pick<Holder, "directory" | "backend"> {
  const address = process.env["PULUMI_BACKEND_URL"] ?? "";
  const backend = createHash("sha256").update(address).digest("hex").slice(0, 32);
  return { directory: process.cwd(), ...(address === "" ? {} : { backend }) };
}

/** Where they were changed last, when that was not here: another folder, or another backend. */
export async function changedElsewhere(places: GroupPlaces): Promise<string | undefined> {
  const { directory, backend, since } = await readHolder(places);
  if (directory === undefined) return undefined;
  const own = here();
  const otherBackend = backend !== own.backend;
  if (directory === own.directory && !otherBackend) return undefined;
  return `at ${since}, from ${directory}${otherBackend ? " with another backend" : ""}`;
}

/**
 * For a run without a state: machines that are there are its own when a killed run left them, and then it was started
 * from here. Another backend can hold a state of the same URN.
 */
export async function refuseStrangers(places: GroupPlaces): Promise<void> {
  const elsewhere = await changedElsewhere(places);
  if (elsewhere === undefined) return;
  const message = `Machines of ${places.key} are on this computer already, and this stack's state does not know them: they were changed last ${elsewhere}. Nothing was changed by this run.`;
  const fix = `give the resource, the stack or the project another name; if the state that knew them is lost, remove ${places.holder} and run pulumi up again, which adopts them.`;
  throw new Failure({ kind: "environment", code: "held-elsewhere", message, fix });
}
