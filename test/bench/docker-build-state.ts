/**
 * A stack in which pulumi-docker-build's Image is up, made without a container engine: its own Check says the inputs,
 * and the outputs are what its Create would have stored, the hash of the context among them. A preview that finds
 * nothing to do proves the hash right.
 */
import { createHash } from "node:crypto";
import { lstat, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EngineRun, Workspace } from "../e2e/engine.ts";

const token = "docker-build:index:Image";
const provider = "  peer: { type: pulumi:providers:docker-build }\n";

function image(context: string): string {
  const properties = {
    context: { location: context },
    dockerfile: { location: join(context, "Containerfile") },
    push: false,
    buildOnPreview: false,
  };
  return `  image: { type: "${token}", properties: ${JSON.stringify(properties)}, options: { provider: "\${peer}" } }\n`;
}

interface Preview {
  readonly steps: readonly { readonly newState: { readonly type: string; readonly inputs: object } }[];
}

interface Deployment {
  readonly deployment: { readonly resources: object[] };
}

/** Runs pulumi, which must end well. */
export async function succeed(workspace: Workspace, ...args: readonly string[]): Promise<EngineRun> {
  const run = await workspace.run(...args);
  if (run.exitCode !== 0) throw new Error(`pulumi ${args.join(" ")} ended with code ${run.exitCode}:\n${run.output}`);
  return run;
}

/** `paths` are the context's files in the order in which the provider walks them: by name. */
export async function bringUp(workspace: Workspace, context: string, paths: readonly string[]): Promise<void> {
  workspace.program(`resources:\n${provider}`);
  await succeed(workspace, "up", "--yes", "--skip-preview");
  workspace.program(`resources:\n${provider}${image(context)}`);
  const preview = JSON.parse((await succeed(workspace, "preview", "--json")).stdout) as Preview;
  const state = preview.steps.find(({ newState }) => newState.type === token)?.newState;
  if (state === undefined) throw new Error(`the preview has no ${token}`);
  const outputs = { ...state.inputs, contextHash: await contextHash(context, paths), digest: "", ref: "" };
  const exported = JSON.parse((await succeed(workspace, "stack", "export")).stdout) as Deployment;
  exported.deployment.resources.push({ ...state, id: "image", outputs });
  const file = join(workspace.directory, "stack.json");
  await writeFile(file, JSON.stringify(exported));
  await succeed(workspace, "stack", "import", "--file", file);
}

/** As its provider/internal/context.go computes it: the Containerfile, then content, path and mode of each file. */
async function contextHash(context: string, paths: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(await readFile(join(context, "Containerfile")));
  for (const path of paths) {
    const { mode } = await lstat(join(context, path));
    hash
      .update(await readFile(join(context, path)))
      .update(path)
      .update(modeText(mode));
  }
  return hash.digest("hex");
}

/** `-rw-r--r--` */
function modeText(mode: number): string {
  const letters = "rwxrwxrwx".split("").map((letter, index) => ((mode >> (8 - index)) & 1 ? letter : "-"));
  return `-${letters.join("")}`;
}
