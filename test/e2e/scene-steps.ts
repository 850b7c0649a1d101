/** The scene of examples/quickstart, step by step; each asserts what it promises and answers one line of what it saw. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EngineRun } from "./engine.ts";
import { fetchPage, watchPages } from "./poller.ts";
import type { Scene } from "./scene.ts";

export type Step = (scene: Scene) => Promise<string>;

function succeeded(run: EngineRun): EngineRun {
  assert.equal(run.exitCode, 0, run.output);
  return run;
}

async function shownPages(scene: Scene): Promise<Record<string, string | undefined>> {
  const pages = Object.entries(await scene.pages());
  return Object.fromEntries(await Promise.all(pages.map(async ([name, url]) => [name, await fetchPage(url)] as const)));
}

/** Process id of each of this scene's machines: QEMU processes that work in its folder. */
export async function machineProcesses(scene: Scene): Promise<Readonly<Record<string, number>>> {
  const ids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name));
  const found = await Promise.all(
    ids.map(async (id) => {
      const words = (await readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")).split("\0");
      const folder = await readlink(`/proc/${id}/cwd`).catch(() => "");
      const isMachine = (words[0] ?? "").includes("qemu-system") && folder.startsWith(scene.root);
      return isMachine ? [[words[words.indexOf("-name") + 1] ?? "", Number(id)] as const] : [];
    }),
  );
  return Object.fromEntries(found.flat());
}

export const comesUp: Step = async (scene) => {
  await scene.edit(1);
  succeeded(await scene.pulumi("up", "--yes"));
  assert.deepEqual(await shownPages(scene), { "kiosk-1": "1", "kiosk-2": "1" });
  assert.deepEqual(Object.keys(await machineProcesses(scene)).toSorted(), ["kiosk-1", "kiosk-2"]);
  return "kiosk-1 and kiosk-2 serve version 1";
};

export const changesNothing: Step = async (scene) => {
  const before = await machineProcesses(scene);
  const run = succeeded(await scene.pulumi("up", "--yes"));
  assert.match(run.output, /\n {4}3 unchanged\n/, run.output);
  assert.deepEqual(await machineProcesses(scene), before);
  return "nothing changed, nothing was touched";
};

export const previewsTheChange: Step = async (scene) => {
  await scene.edit(2);
  const before = { state: scene.workspace.state().text, processes: await machineProcesses(scene) };
  const { output } = succeeded(await scene.pulumi("preview"));
  await writeFile(join(scene.root, "preview.txt"), output);
  assert.match(output, /www\/version changed/, output);
  assert.match(output, /kiosk-1.*then kiosk-2/, output);
  assert.deepEqual({ state: scene.workspace.state().text, processes: await machineProcesses(scene) }, before);
  assert.deepEqual(await shownPages(scene), { "kiosk-1": "1", "kiosk-2": "1" });
  return "preview names www/version and the order of the machines, and changed nothing";
};

export const swapsOneByOne: Step = async (scene) => {
  const watch = watchPages(await scene.pages());
  const run = await scene.pulumi("up", "--yes");
  const { mostDown, seen, rounds } = await watch.stop();
  succeeded(run);
  assert.ok(mostDown <= 1, `${mostDown} machines were down at a time`);
  assert.deepEqual(seen, { "kiosk-1": ["1", "2"], "kiosk-2": ["1", "2"] });
  return `both serve version 2; in ${rounds} rounds of asking never more than ${mostDown} was down`;
};

export const stopsAtTheCanary: Step = async (scene) => {
  await scene.edit(3, { broken: true });
  const before = await machineProcesses(scene);
  const watch = watchPages(await scene.pages());
  const run = await scene.pulumi("up", "--yes");
  const { mostDown } = await watch.stop();
  assert.notEqual(run.exitCode, 0, run.output);
  assert.match(run.output, /kiosk-1/, run.output);
  assert.match(run.output, /kiosk-2/, run.output);
  assert.ok(mostDown <= 1, `${mostDown} machines were down at a time`);
  assert.deepEqual(await shownPages(scene), { "kiosk-1": "2", "kiosk-2": "2" });
  assert.equal((await machineProcesses(scene))["kiosk-2"], before["kiosk-2"], "kiosk-2 was restarted");
  return "version 3 stopped at kiosk-1, which was put back on version 2; kiosk-2 was left alone";
};

export const goesThroughAgain: Step = async (scene) => {
  await scene.edit(4);
  succeeded(await scene.pulumi("up", "--yes"));
  assert.deepEqual(await shownPages(scene), { "kiosk-1": "4", "kiosk-2": "4" });
  return "version 4 went through";
};

export const bringsBackAKilledMachine: Step = async (scene) => {
  const victim = (await machineProcesses(scene))["kiosk-1"];
  assert.ok(victim !== undefined);
  process.kill(victim, "SIGKILL");
  const preview = succeeded(await scene.pulumi("preview"));
  assert.match(preview.output, /kiosk-1 not running/, preview.output);
  succeeded(await scene.pulumi("up", "--yes"));
  assert.deepEqual(await shownPages(scene), { "kiosk-1": "4", "kiosk-2": "4" });
  return "a killed machine was seen by preview and started by up";
};

async function filesUnder(folder: string): Promise<readonly string[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}

export const leavesNothingBehind: Step = async (scene) => {
  succeeded(await scene.pulumi("destroy", "--yes"));
  assert.deepEqual(await machineProcesses(scene), {});
  assert.deepEqual(await filesUnder(join(scene.root, "state")), []);
  return "destroy left no process and no file but caches and the image store";
};
