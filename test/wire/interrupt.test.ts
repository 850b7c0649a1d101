/** Ctrl-C and worse against the real engine: nothing of ours goes on, and the next run is as good as any. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { diagnostics } from "../e2e/engine.ts";
import { fileAppears } from "./provider-process.ts";
import { openProbeWorkspace, resources, thing } from "./pulumi.ts";
import type { ProbeWorkspace } from "./pulumi.ts";

/** The provider's processes of this workspace; pulumi's language hosts have ends of their own. */
function survivors(workspace: ProbeWorkspace): readonly number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/u.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      const ours = readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("wire/fixture");
      return ours && readFileSync(`/proc/${pid}/environ`, "utf8").includes(workspace.place("."));
    } catch {
      return false;
    }
  });
}

async function allGone(workspace: ProbeWorkspace): Promise<number> {
  const started = performance.now();
  while (survivors(workspace).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  return performance.now() - started;
}

test("Ctrl-C ends the work and every child within two seconds, keeps what was done, and the next run goes on", async () => {
  const workspace = await openProbeWorkspace();
  workspace.program(resources(thing("first", { content: "one" }), thing("slow", { mode: "child" }, { dependsOn: ["${first}"] })));
  const run = workspace.start("up", "--yes", "--skip-preview");
  await fileAppears(workspace.place("slow.child"));
  const child = Number(readFileSync(workspace.place("slow.child"), "utf8"));
  expect(survivors(workspace)).toContain(child);
  const interrupted = performance.now();
  run.process.kill("SIGINT");
  while (survivors(workspace).includes(child)) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(performance.now() - interrupted).toBeLessThan(2000);
  const { exitCode, output } = await run.finished;
  console.log(`Ctrl-C to the end of pulumi: ${Math.round(performance.now() - interrupted)} ms`);
  await allGone(workspace);
  expect(exitCode).not.toBe(0);
  expect(diagnostics(output)).toContain('probe:index:Thing (slow):\n  error: Making thing "slow" was cancelled.');
  expect(workspace.state().resources.some(({ id }) => id === "first")).toBe(true);
  workspace.program(resources(thing("first", { content: "one" }), thing("slow", { mode: "ok" }, { dependsOn: ["${first}"] })));
  expect((await workspace.run("up", "--yes", "--skip-preview")).exitCode).toBe(0);
});

test("when pulumi is killed the provider ends by itself, children included", async () => {
  const workspace = await openProbeWorkspace();
  workspace.program(resources(thing("slow", { mode: "child" })));
  const run = workspace.start("up", "--yes", "--skip-preview");
  await fileAppears(workspace.place("slow.child"));
  run.process.kill("SIGKILL");
  await run.finished;
  const milliseconds = await allGone(workspace);
  console.log(`pulumi killed, provider gone after ${Math.round(milliseconds)} ms`);
  expect(survivors(workspace)).toEqual([]);
});
