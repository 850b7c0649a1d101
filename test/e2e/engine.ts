/**
 * The real `pulumi` in a workspace of its own: a project folder, a file:// backend and a home that start empty and are
 * removed with the test. Needs the CLI (and the language host of the program) on PATH.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

export interface EngineRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, as they came. */
  readonly output: string;
}

export interface StartedRun {
  readonly process: ChildProcess;
  readonly finished: Promise<EngineRun>;
}

export interface Workspace {
  /** The project folder. */
  readonly directory: string;
  /** The variables that pulumi runs with. */
  readonly environment: Readonly<NodeJS.ProcessEnv>;
  /** Runs pulumi and waits; `run("up", "--yes")`. */
  run(...args: readonly string[]): Promise<EngineRun>;
  start(...args: readonly string[]): StartedRun;
  /** Writes Pulumi.yaml; the name, the runtime and the plugins are added. */
  program(yaml: string): void;
  /** What the stack's state says now. */
  state(): StackState;
  remove(): void;
}

export interface StackState {
  /** The checkpoint as it lies on disk, secrets encrypted. */
  readonly text: string;
  readonly resources: readonly StateResource[];
}

export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly initErrors?: readonly string[];
}

export interface WorkspaceOptions {
  readonly project: string;
  /** Provider plugins by name: the folder with the launcher. */
  readonly plugins: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Left out: a YAML program, written with `program`. Given: the folder of a program, which is used as it is. */
  readonly runtime?: string;
  /** Folder for project, backend and home, which is then kept; left out: one that `remove` removes. */
  readonly root?: string;
}

/** The folder on PATH that has the CLI; the set-up puts its language hosts there, too. */
export function toolsDirectory(): string {
  const found = (process.env["PATH"] ?? "").split(delimiter).find((folder) => existsSync(join(folder, "pulumi")));
  if (found === undefined) throw new Error("There is no pulumi on PATH: run the tests with npm test, which sees to it.");
  return found;
}

const stack = "dev";

export async function openWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  const root = options.root ?? mkdtempSync(join(tmpdir(), "pulumi-workspace-"));
  const directory = join(root, "program");
  for (const folder of ["program", "backend", "home"]) mkdirSync(join(root, folder), { recursive: true });
  const environment = engineEnvironment(root, options);
  const start = (...args: readonly string[]): StartedRun => startPulumi(args, directory, environment);
  const workspace: Workspace = {
    directory,
    environment,
    start,
    run: async (...args) => start(...args).finished,
    program: (yaml) => writeFileSync(join(directory, "Pulumi.yaml"), projectFile(options) + yaml),
    state: () => readState(join(root, "backend/.pulumi/stacks", options.project, `${stack}.json`)),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
  workspace.program("");
  const created = await workspace.run("stack", "select", "--create", stack);
  if (created.exitCode !== 0) throw new Error(`pulumi stack init: ${created.output}`);
  return workspace;
}

function engineEnvironment(root: string, { environment }: WorkspaceOptions): NodeJS.ProcessEnv {
  return {
    ...process.env,
    CI: "",
    PULUMI_HOME: join(root, "home"),
    PULUMI_BACKEND_URL: `file://${join(root, "backend")}`,
    PULUMI_CONFIG_PASSPHRASE: "only for tests",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_DISABLE_REGISTRY_RESOLVE: "true",
    PULUMI_DEBUG_COMMANDS: "",
    ...environment,
  };
}

function projectFile({ project, plugins, runtime = "yaml" }: WorkspaceOptions): string {
  const providers = Object.entries(plugins).map(([name, path]) => `    - { name: ${name}, path: ${JSON.stringify(path)} }\n`);
  return `name: ${project}\nruntime: ${runtime}\nplugins:\n  providers:\n${providers.join("")}`;
}

function startPulumi(args: readonly string[], directory: string, environment: NodeJS.ProcessEnv): StartedRun {
  const child = spawn("pulumi", [...args, "--non-interactive", "--color=never"], {
    cwd: directory,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const finished = new Promise<EngineRun>((resolve, reject) => {
    const texts = { stdout: "", stderr: "", output: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        texts[stream] += text;
        texts.output += text;
      });
    }
    child.once("error", (error) => reject(new Error(`pulumi, looked for on PATH: ${error.message}`)));
    child.once("close", (exitCode) => resolve({ exitCode, ...texts }));
  });
  return { process: child, finished };
}

function readState(path: string): StackState {
  if (!existsSync(path)) return { text: "", resources: [] };
  const text = readFileSync(path, "utf8");
  const parsed = JSON.parse(text) as { checkpoint: { latest: { resources?: StateResource[] } | null } };
  return { text, resources: parsed.checkpoint.latest?.resources ?? [] };
}

/** The messages at the end of a run: what stands under "Diagnostics:", without the indentation that all lines have. */
export function diagnostics(output: string): string {
  return section(output, "Diagnostics:");
}

/** The lines of the last section with that headline, up to the next headline. */
export function section(output: string, headline: string): string {
  const lines = output.split("\n");
  const start = lines.lastIndexOf(headline);
  if (start < 0) return "";
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^[A-Z][A-Za-z ]*:/u.test(line));
  const kept = rest.slice(0, end < 0 ? rest.length : end).map((line) => line.replace(/^ {2}/u, "").trimEnd());
  return kept.join("\n").trim();
}
