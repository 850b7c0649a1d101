/** Ends a child with everything it started: its process group, and descendants that left the group. */
import { readFile, readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const graceMilliseconds = 1000;
const pollMilliseconds = 20;

interface Member {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks since boot; with the pid it names one process for good. */
  readonly startedAt: string;
  readonly zombie: boolean;
}

async function member(pid: string): Promise<Member | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The second field is the name in parentheses and may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, parent] = fields;
  const startedAt = fields[19];
  if (state === undefined || parent === undefined || startedAt === undefined) return undefined;
  return { pid: Number(pid), parent: Number(parent), startedAt, zombie: state === "Z" };
}

/** All descendants by parent links. A process that was handed to init on purpose (a daemon) is none. Linux only. */
async function descendants(root: number): Promise<readonly Member[]> {
  const pids = await readdir("/proc").catch(() => []);
  const all = (await Promise.all(pids.filter((pid) => /^\d+$/.test(pid)).map(member))).filter((found) => found !== undefined);
  const found: Member[] = [];
  for (let parents = new Set([root]); parents.size > 0;) {
    const children = all.filter((one) => parents.has(one.parent));
    found.push(...children);
    parents = new Set(children.map((child) => child.pid));
  }
  return found;
}

async function alive(one: Member): Promise<boolean> {
  const now = await member(String(one.pid));
  return now !== undefined && now.startedAt === one.startedAt && !now.zombie;
}

/** False when there is nobody left to signal. */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** SIGTERM to the group, after a second SIGKILL to whatever is left of it and of those who left it. */
export async function endGroup(pid: number): Promise<void> {
  const deadline = Date.now() + graceMilliseconds;
  const known = await descendants(pid);
  signalGroup(pid, "SIGTERM");
  let strays: readonly Member[] = known;
  while (Date.now() < deadline) {
    const living = await Promise.all(strays.map(alive));
    strays = strays.filter((_, index) => living[index]);
    if (strays.length === 0 && !signalGroup(pid, 0)) return;
    await sleep(pollMilliseconds);
  }
  signalGroup(pid, "SIGKILL");
  for (const stray of strays) if (await alive(stray)) killQuietly(stray.pid);
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself in the meantime.
  }
}

/** Process ids of live programs with one of the names. Linux only; elsewhere none is seen. */
export async function processesNamed(names: readonly string[]): Promise<readonly number[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((pid) => /^\d+$/.test(pid));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const name = (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).trim();
      return names.includes(name) && (await member(pid))?.zombie === false ? Number(pid) : undefined;
    }),
  );
  return found.filter((pid) => pid !== undefined);
}
