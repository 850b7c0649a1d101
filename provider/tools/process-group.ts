/** Ends a child with everything it started: its process group, and descendants that left the group. */
import { readFile, readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const graceMilliseconds = 1000;
const childGraceMilliseconds = 300;
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

/**
 * SIGTERM to the group, after a second SIGKILL to whatever is left of it and of those who left it. With
 * `childrenFirst` only the descendants are signalled within that second.
 */
export async function endGroup(pid: number, childrenFirst = false): Promise<void> {
  const startedAt = Date.now();
  const known = await descendants(pid);
  const onlyChildren = childrenFirst && known.length > 0;
  if (onlyChildren) for (const child of known) signalOne(child.pid, "SIGTERM");
  else signalGroup(pid, "SIGTERM");
  if (onlyChildren) {
    const stubborn = await waitForEnd({ pid, strays: known, until: startedAt + childGraceMilliseconds });
    for (const stray of stubborn) signalOne(stray.pid, "SIGKILL");
  }
  const strays = await waitForEnd({ pid, strays: known, until: startedAt + graceMilliseconds });
  signalGroup(pid, "SIGKILL");
  for (const stray of strays) signalOne(stray.pid, "SIGKILL");
}

/** Waits until the group and the strays are gone or the time is up; answers the strays that live. */
async function waitForEnd(wait: { pid: number; strays: readonly Member[]; until: number }): Promise<readonly Member[]> {
  for (let strays = wait.strays; ; await sleep(pollMilliseconds)) {
    const living = await Promise.all(strays.map(alive));
    strays = strays.filter((_, index) => living[index]);
    if ((strays.length === 0 && !signalGroup(wait.pid, 0)) || Date.now() >= wait.until) return strays;
  }
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
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
