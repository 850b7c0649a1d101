/** Runs programs for the set-up, which must work on Node 20 before anything is installed. */
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

export const checkout = new URL("../../..", import.meta.url).pathname.replace(/\/$/, "");

const cacheHome = process.env.XDG_CACHE_HOME;

/** What the set-up builds once and keeps outside the checkout. */
export const buildCache = join(cacheHome && isAbsolute(cacheHome) ? cacheHome : join(homedir(), ".cache"), "bootable-build");

/**
 * Runs a program to its end with its output in a log file of the cache; the last lines are shown when it does not end well.
 * @param {string[]} argv
 * @param {{ log: string, cwd?: string, env?: Record<string, string> }} options
 */
export async function run(argv, { log, cwd = checkout, env = {} }) {
  const directory = join(buildCache, "log");
  await mkdir(directory, { recursive: true });
  const path = join(directory, `${log}.log`);
  const stream = createWriteStream(path);
  let tail = "";
  const child = spawn(argv[0], argv.slice(1), { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  for (const output of [child.stdout, child.stderr]) {
    output.on("data", (bytes) => {
      stream.write(bytes);
      tail = (tail + bytes).slice(-4000);
    });
  }
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  await new Promise((resolve) => stream.end(resolve));
  if (code !== 0)
    throw new Error(
      `${argv.join(" ")} ended with code ${code}. Its last lines (all of them are in ${path}):\n${tail.split("\n").slice(-20).join("\n")}`,
    );
}

/**
 * Standard output of a short program, or undefined when it is missing or ends badly.
 * @param {string[]} argv
 */
export async function output(argv) {
  const child = spawn(argv[0], argv.slice(1), { stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  child.stdout.on("data", (bytes) => (text += bytes));
  const code = await new Promise((resolve) => {
    child.once("error", () => resolve(-1));
    child.once("close", resolve);
  });
  return code === 0 ? text : undefined;
}

const times = [];

/** Durations of the steps so far, in order. */
export function stepTimes() {
  return times;
}

/**
 * A step of the set-up: says so when it does something, and keeps its time.
 * @param {string} name
 * @param {() => Promise<string>} work answers what it did, in a few words
 */
export async function step(name, work) {
  const start = performance.now();
  const did = await work();
  const seconds = (performance.now() - start) / 1000;
  times.push({ name, did, seconds });
  process.stdout.write(`set-up: ${name}: ${did} (${seconds.toFixed(1)} s)\n`);
}
