/** A project whose images are one file each, FROM scratch: cheap enough to try the engine's options one by one. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { makeRoom } from "../tools/build-fixture.ts";
import { diagnostics, openWorkspace, type EngineRun, type StateResource, type Workspace } from "./engine.ts";

const checkout = new URL("../..", import.meta.url).pathname;

/** One computer: its image store, caches and builders' storage, shared by all stacks on it. */
export interface Computer {
  readonly root: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The tags in the image store, as `repository:tag`. */
  tags(): readonly string[];
  /** Takes the image store away. */
  loseImages(): void;
}

export function openComputer(): Computer {
  const root = mkdtempSync(join(tmpdir(), "computer-"));
  const room = makeRoom();
  onTestFinished(() => [root, room.directory].forEach((folder) => rmSync(folder, { recursive: true, force: true })));
  const folders = { XDG_DATA_HOME: join(root, "data"), XDG_CACHE_HOME: join(root, "cache"), XDG_STATE_HOME: join(root, "state") };
  const store = join(folders.XDG_DATA_HOME, "bootable", "store");
  return {
    root,
    environment: { ...room.environment, ...folders },
    tags: () => storedNames(store).filter((name) => !name.includes("@")),
    loseImages: () => rmSync(store, { recursive: true }),
  };
}

function storedNames(store: string): readonly string[] {
  const path = join(store, "index.json");
  if (!existsSync(path)) return [];
  const { manifests } = JSON.parse(readFileSync(path, "utf8")) as { manifests: { annotations: Record<string, string> }[] };
  return manifests.map(({ annotations }) => annotations["org.opencontainers.image.ref.name"] ?? "").toSorted();
}

export interface Shop extends Workspace {
  /** Writes a file of the project. */
  write(path: string, text: string): void;
  /** Runs pulumi, which must end well; answers what it printed. */
  good(...args: readonly string[]): Promise<EngineRun>;
  /** `pulumi up` without its preview. */
  up(...args: readonly string[]): Promise<EngineRun>;
  /** What the state says of an image; `inputs` and `outputs` as they are stored. */
  saved(name: string): StateResource;
}

/** A stack with the context `os`: a Containerfile that copies the file `hello`, which says "one". */
export async function openShop(computer: Computer = openComputer()): Promise<Shop> {
  const plugins = { bootable: join(checkout, "provider") };
  const workspace = await openWorkspace({ project: "shop", plugins, environment: computer.environment });
  onTestFinished(() => workspace.remove());
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(workspace.directory, path)), { recursive: true });
    writeFileSync(join(workspace.directory, path), text);
  };
  write("os/Containerfile", "FROM scratch\nARG MOOD=calm\nCOPY hello /hello\n");
  write("os/hello", "one\n");
  const good = async (...args: readonly string[]): Promise<EngineRun> => {
    const run = await workspace.run(...args);
    if (run.exitCode !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${run.exitCode}:\n${run.output}`);
    return run;
  };
  const saved = (name: string): StateResource => {
    const found = workspace.state().resources.find((resource) => resource.urn === urn(name));
    if (found === undefined) throw new Error(`${name} is not in the state`);
    return found;
  };
  return { ...workspace, write, good, saved, up: (...args) => good("up", "--yes", "--skip-preview", ...args) };
}

/** Configuration in which no builder is to be found: a run with it builds nothing, or fails. It stays configured. */
export const withoutBuilders: readonly string[] = [
  "--config-path",
  ...["podman", "buildah", "docker"].flatMap((name) => ["-c", `bootable:tools.${name}=/none/${name}`]),
];

/** An Image of a YAML program; `properties` and `options` as JSON, which is YAML too. */
export function image(name: string, properties: object = {}, options: object = {}): string {
  return `  ${name}: ${JSON.stringify({ type: "bootable:index:Image", properties: { context: "./os", ...properties }, options })}\n`;
}

/** What the run's diagnostics say of an image; how they are ordered among the others' is not fixed. */
export function messageOf(run: EngineRun, name: string): string {
  const headline = `bootable:index:Image (${name}):\n`;
  const found = diagnostics(run.output)
    .split("\n\n")
    .find((text) => text.startsWith(headline));
  return found?.slice(headline.length).replaceAll(/^ {2}/gmu, "").trimEnd() ?? "";
}

export function resources(...parts: readonly string[]): string {
  return `resources:\n${parts.join("")}`;
}

export function urn(name: string): string {
  return `urn:pulumi:dev::shop::bootable:index:Image::${name}`;
}
