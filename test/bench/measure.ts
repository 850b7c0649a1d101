/** Takes times of ours and of others' work, turn by turn, so that a busy moment of the computer falls on both. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const runFile = promisify(execFile);

export async function secondsOf(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Each contestant answers what one turn took; the result is the median of its turns. */
export async function inTurns<Name extends string>(
  turns: number,
  contestants: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number>> {
  const entries = Object.entries<() => Promise<number>>(contestants);
  const taken = new Map(entries.map(([name]) => [name, [] as number[]]));
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [name, take] of entries) taken.get(name)?.push(await take());
  }
  return Object.fromEntries([...taken].map(([name, values]) => [name, median(values)])) as Record<Name, number>;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Standard output of a program that must end well; looks in the folders of administrators too. */
export async function run(program: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
  const { stdout } = await runFile(program, args, { env, maxBuffer: 64 * 1024 ** 2 });
  return stdout;
}

/** A variable that the set-up gives. */
export function given(variable: string): string {
  const value = process.env[variable];
  if (value === undefined || value === "") throw new Error(`${variable} is not set; run this by "npm run bench".`);
  return value;
}
