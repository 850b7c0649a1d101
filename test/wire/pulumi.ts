/** A pulumi workspace whose provider is the fixture, with the fixture's world in a folder of its own. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { openWorkspace } from "../e2e/engine.ts";
import type { Workspace } from "../e2e/engine.ts";

export interface ProbeWorkspace extends Workspace {
  /** The things that exist outside, by name. */
  things(): Readonly<Record<string, string>>;
  setThing(name: string, content: string | undefined): void;
  /** The path of a file of the world, to wait for. */
  place(name: string): string;
}

export async function openProbeWorkspace(environment: Readonly<Record<string, string>> = {}): Promise<ProbeWorkspace> {
  const root = mkdtempSync(join(tmpdir(), "probe-"));
  const [world, plugin] = [join(root, "world"), join(root, "plugin")];
  mkdirSync(world);
  mkdirSync(plugin);
  const launcher = join(plugin, "pulumi-resource-probe");
  writeFileSync(launcher, `#!/bin/sh\nexec ${process.execPath} ${join(import.meta.dirname, "fixture/main.ts")} "$@"\n`);
  chmodSync(launcher, 0o755);
  const workspace = await openWorkspace({
    project: "shop",
    plugins: { probe: plugin },
    environment: { PROBE_WORLD: world, ...environment },
  });
  onTestFinished(() => {
    workspace.remove();
    rmSync(root, { recursive: true, force: true });
  });
  return {
    ...workspace,
    things: () => Object.fromEntries(readdirSync(world).map((name) => [name, readFileSync(join(world, name), "utf8")])),
    setThing: (name, content) => (content === undefined ? rmSync(join(world, name)) : writeFileSync(join(world, name), content)),
    place: (name) => join(world, name),
  };
}

/** One thing of a YAML program; `properties` and `options` as JSON, which is YAML too. */
export function thing(name: string, properties: object, options: object = {}): string {
  return `  ${name}: { type: "probe:index:Thing", properties: ${JSON.stringify(properties)}, options: ${JSON.stringify(options)} }\n`;
}

export function resources(...parts: readonly string[]): string {
  return `resources:\n${parts.join("")}`;
}
