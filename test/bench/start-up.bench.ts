/** How long the provider takes to its port line, and what memory it then has, against a bare Node. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { inTurns, median } from "./measure.ts";
import { formatRow } from "./table.ts";

const launcher = new URL("../../provider/pulumi-resource-bootable", import.meta.url).pathname;
const bareNode = ["-e", 'process.stdout.write("0\\n"); setInterval(() => {}, 1_000_000)'];

const memory = { provider: [] as number[], node: [] as number[] };

/** Seconds to the first line. */
async function firstLine(name: keyof typeof memory, program: string, args: readonly string[]): Promise<number> {
  const start = performance.now();
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  await Promise.race([once(child.stdout, "data"), exited.then(() => Promise.reject(new Error(`${program} ended before its first line`)))]);
  const seconds = (performance.now() - start) / 1000;
  memory[name].push(await residentMebibytes(child.pid));
  child.kill("SIGKILL");
  await exited;
  return seconds;
}

async function residentMebibytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

const took = await inTurns(7, {
  provider: () => firstLine("provider", launcher, []),
  node: () => firstLine("node", process.execPath, bareNode),
});
const name = "node -e";
console.log(formatRow({ what: "provider start, to its port line", ours: took.provider, other: { name, took: took.node } }));
const resident = { ours: median(memory.provider), other: { name, took: median(memory.node) } };
console.log(formatRow({ what: "memory of the started provider", ...resident, unit: "MiB" }));
