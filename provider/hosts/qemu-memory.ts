/** What the runs of a group have told Pulumi, in `group.json` of its folder: whoever lost that state gets it back by an import. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import type { RecalledGroup, RememberedGroup } from "../resources/ports.ts";
import { replaceFile } from "../storage/atomic-file.ts";
import { changedElsewhere } from "./qemu-holder.ts";
import { groupsFolder, listNames, readRecord, type GroupPlaces } from "./qemu-record.ts";

interface Memory extends RememberedGroup {
  readonly version: 1;
  readonly key: string;
}

/** The files of a guest are in it, as they are in the credentials beside it: mode 0600. */
export async function rememberGroup({ key, memory }: GroupPlaces, { args, state }: RememberedGroup): Promise<void> {
  const written: Memory = { version: 1, key, args, state };
  await replaceFile(memory, `${JSON.stringify(written, undefined, 2)}\n`);
}

export async function recallGroup(places: GroupPlaces): Promise<RecalledGroup | undefined> {
  const memory = await readMemory(places.memory);
  if (memory === undefined) return undefined;
  const elsewhere = await changedElsewhere(places);
  return { args: memory.args, state: memory.state, ...(elsewhere === undefined ? {} : { elsewhere }) };
}

async function readMemory(path: string): Promise<Memory | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const memory = parseMemory(text);
  if (memory !== undefined) return memory;
  throw new Failure({
    kind: "environment",
    message: `${path} does not say what a group's program said in words that this version of the provider can read.`,
    fix: "use the version of the provider that wrote it, or declare the group in a program as it was.",
  });
}

function parseMemory(text: string): Memory | undefined {
  try {
    const value = JSON.parse(text) as Partial<Memory> | null;
    const whole = value?.version === 1 && typeof value.key === "string" && isObject(value.args) && isObject(value.state);
    return whole ? (value as Memory) : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The keys of all groups that have a memory or a machine, sorted. What cannot be read is nobody's. */
export async function knownKeys(stateDirectory: string): Promise<readonly string[]> {
  const folder = groupsFolder(stateDirectory);
  const keys = await Promise.all((await listNames(folder)).map((name) => keyIn(join(folder, name))));
  return keys.filter((key) => key !== undefined).toSorted();
}

async function keyIn(folder: string): Promise<string | undefined> {
  const memory = await readMemory(join(folder, "group.json")).catch(() => undefined);
  if (memory !== undefined) return memory.key;
  const machines = join(folder, "machines");
  const names = await listNames(machines).catch(() => []);
  const records = await Promise.all(names.map((name) => readRecord(join(machines, name)).catch(() => undefined)));
  return records.find((record) => record !== undefined)?.key;
}
