/** `npm run quickstart`: the main job, for real, with the time of each step. `--keep` leaves the machines running. */
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import {
  changesNothing,
  comesUp,
  leavesNothingBehind,
  previewsTheChange,
  stopsAtTheCanary,
  swapsOneByOne,
  type Step,
} from "../../test/e2e/scene-steps.ts";
import { openScene, type Scene } from "../../test/e2e/scene.ts";

interface Done {
  readonly name: string;
  readonly what: string;
  readonly seconds: number;
}

const steps: readonly (readonly [string, Step])[] = [
  ["pulumi up, version 1", comesUp],
  ["pulumi up again", changesNothing],
  ["pulumi preview, version 2", previewsTheChange],
  ["pulumi up, version 2", swapsOneByOne],
  ["pulumi up, version 3 (broken)", stopsAtTheCanary],
];

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function timed(name: string, work: () => Promise<string>): Promise<Done> {
  say(`quickstart: ${name} …`);
  const start = performance.now();
  const what = await work();
  const done = { name, what, seconds: (performance.now() - start) / 1000 };
  say(`quickstart: ${name}: ${what} (${done.seconds.toFixed(1)} s)`);
  return done;
}

function workFolder(): string {
  const cache = process.env["XDG_CACHE_HOME"];
  return join(cache !== undefined && isAbsolute(cache) ? cache : join(homedir(), ".cache"), "bootable-build", "quickstart");
}

function setupTimes(): readonly Done[] {
  const steps = JSON.parse(process.env["BOOTABLE_SETUP_TIMES"] ?? "[]") as { name: string; did: string; seconds: number }[];
  return steps.map(({ name, did, seconds }) => ({ name: `set-up: ${name}`, what: did, seconds }));
}

/** A run that was killed, or kept its machines, left a stack with resources; it must not colour this one. */
async function clearFormerRun(scene: Scene): Promise<void> {
  if (scene.workspace.state().resources.length > 1) await timed("pulumi destroy, of a former run", () => leavesNothingBehind(scene));
}

async function perform(scene: Scene, keep: boolean): Promise<readonly Done[]> {
  const done: Done[] = [];
  await clearFormerRun(scene);
  for (const [name, step] of steps) done.push(await timed(name, () => step(scene)));
  if (!keep) done.push(await timed("pulumi destroy", () => leavesNothingBehind(scene)));
  return done;
}

function summary(done: readonly Done[], places: readonly string[]): string {
  const rows = [...setupTimes(), ...done].map(({ name, what, seconds }) => `  ${seconds.toFixed(1).padStart(6)} s  ${name}: ${what}`);
  return ["", "What happened:", ...rows, "Where things are:", ...places.map((place) => `  ${place}`)].join("\n");
}

async function main(): Promise<void> {
  const keep = process.argv.includes("--keep");
  const root = workFolder();
  const scene = await openScene({ root, baseTar: process.env["BOOTABLE_BASE_TAR"] ?? "" });
  try {
    const done = await perform(scene, keep);
    const pages = keep ? Object.entries(await scene.pages()).map(([name, url]) => `${name}: ${url}`) : [];
    const program = `program, state and caches: ${root} (pulumi's state is in backend/)`;
    const again = keep ? ["the machines go on; the next run removes them"] : ["the machines are gone; -- --keep leaves them running"];
    say(summary(done, [program, ...pages, ...again]));
  } finally {
    await scene.close();
  }
}

await main();
