/** Providers that are killed in the midst of a real `pulumi up`: the next one goes on from what is there, and nothing is orphaned. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { StartedRun } from "./engine.ts";
import { openPausedComputer, openPausedGroup, type PausedGroup } from "./paused-machines.ts";

/** Ends at once, with no word to anybody, whoever of the two is meant. */
function kill(who: "provider" | "pulumi", { process: pulumi }: StartedRun): void {
  const id = pulumi.pid ?? 0;
  for (const one of who === "pulumi" ? [id] : providersOf(id)) process.kill(one, "SIGKILL");
}

/** One serves the schema, another the resources. */
function providersOf(pulumi: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/u.test(name))
    .map(Number)
    .filter((id) => {
      const status = read(`/proc/${id}/status`);
      return status.includes(`\nPPid:\t${pulumi}\n`) && read(`/proc/${id}/cmdline`).includes("dist/main.js");
    });
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Resolves when the run has ended, killed when it had said so. */
async function upKilledAt(stack: PausedGroup, line: string, who: "provider" | "pulumi"): Promise<boolean> {
  const run = stack.start("up", "--yes", "--skip-preview", "--config-path", "-c", "bootable:progress=lines");
  let said = "";
  let killed = false;
  run.process.stdout?.on("data", (text: string) => {
    said += text;
    if (killed || !said.includes(line)) return;
    killed = true;
    kill(who, run);
  });
  const { exitCode, output } = await run.finished;
  if (killed && exitCode === 0) throw new Error(`nobody noticed the end of ${who}:\n${output}`);
  return killed;
}

test("a provider, or pulumi itself, that is killed anywhere: the next up converges, destroy leaves nothing", async () => {
  const computer = await openPausedComputer(["one", "two"]);
  const [one = "", two = ""] = computer.versions;
  const stack = await openPausedGroup(computer);
  const expectAllOn = (image: string): void => {
    const digest = image.slice(image.indexOf("@") + 1);
    expect(stack.outputs()).toMatchObject({ booted: { "kiosk-1": digest, "kiosk-2": digest }, image });
    expect(stack.outputs()["unsettled"]).toBeUndefined();
    expect(computer.processes()).toHaveLength(4);
    expect(computer.files()).toHaveLength(5);
  };

  // QEMU starts no machine with so many processors: it is put back.
  const refused = { cpus: 100_000 };
  const moments: readonly [string, "provider" | "pulumi", string, object][] = [
    ["kiosk-1: preparing", "provider", one, {}],
    ["kiosk-1: restarting into", "provider", two, {}],
    ["kiosk-2: restarting into", "pulumi", one, {}],
    ["kiosk-2: runs", "provider", two, {}],
    ["kiosk-1: putting back", "provider", one, refused],
  ];
  for (const [line, who, image, settings] of moments) {
    stack.group({ image, ...settings });
    expect(await upKilledAt(stack, line, who), line).toBe(true);
    stack.group({ image });
    // The lock of the backend is pulumi's own.
    if (who === "pulumi") await stack.good("cancel", "--yes");
    await stack.up();
    expectAllOn(image);
  }
  await stack.good("destroy", "--yes", "--skip-preview");
  expect([computer.processes(), computer.groups()]).toEqual([[], []]);
});
