/** The stage of examples/quickstart: a registry with the base image, a copy of the program, and the real pulumi. */
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startRegistry, type RealRegistry } from "../fakes/docker-registry.ts";
import { pushBaseImage } from "./base-image.ts";
import { openWorkspace, type EngineRun, type Workspace } from "./engine.ts";
import { stringify, parse } from "yaml";

const checkout = new URL("../..", import.meta.url).pathname;

export interface SceneOptions {
  /** Everything that the scene makes is in here. */
  readonly root: string;
  /** Tar of the guests' base root file system. */
  readonly baseTar: string;
}

export interface Scene {
  readonly workspace: Workspace;
  /** The build context of the program's copy. */
  readonly context: string;
  /** Folder of the provider's own files: data, cache, state. */
  readonly root: string;
  pulumi(...args: readonly string[]): Promise<EngineRun>;
  /** Makes the context that of a version; a broken one has a service that does not start. */
  edit(version: number, how?: { readonly broken: boolean }): Promise<void>;
  /** URL of each machine's version page. */
  pages(): Promise<Readonly<Record<string, string>>>;
  close(): Promise<void>;
}

/** A registry that has the port of the last time, so that nothing about the image's name changes. */
async function sameRegistry(root: string): Promise<RealRegistry> {
  const directory = join(root, "registry");
  const note = join(root, "registry-port");
  const port = existsSync(note) ? Number(await readFile(note, "utf8")) : 0;
  const registry = await startRegistry({ directory, port }).catch(() => startRegistry({ directory }));
  await writeFile(note, registry.host.slice(registry.host.indexOf(":") + 1));
  return registry;
}

/** The program as users read it, with the provider's folder made absolute. */
async function copyProgram(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await cp(join(checkout, "examples", "quickstart"), directory, { recursive: true });
  const path = join(directory, "Pulumi.yaml");
  const program = parse(await readFile(path, "utf8")) as { plugins: { providers: { path: string }[] } };
  for (const provider of program.plugins.providers) provider.path = join(checkout, "provider");
  await writeFile(path, stringify(program));
}

/** The provider keeps everything below `root`, and its builders speak to the registry without TLS. */
export function providerEnvironment(root: string, registry: RealRegistry): Readonly<Record<string, string>> {
  return {
    XDG_DATA_HOME: join(root, "data"),
    XDG_CACHE_HOME: join(root, "cache"),
    XDG_STATE_HOME: join(root, "state"),
    CONTAINERS_REGISTRIES_CONF: join(registry.configHome, "containers", "registries.conf"),
    BUILDAH_ISOLATION: process.env["BUILDAH_ISOLATION"] ?? "chroot",
  };
}

export async function openScene({ root, baseTar }: SceneOptions): Promise<Scene> {
  await mkdir(root, { recursive: true });
  const registry = await sameRegistry(root);
  try {
    const base = await pushBaseImage(baseTar, registry.host);
    const environment = providerEnvironment(root, registry);
    const workspace = await openWorkspace({ project: "quickstart", plugins: { bootable: join(checkout, "provider") }, root, environment });
    await copyProgram(workspace.directory);
    await workspace.run("config", "set", "base", base);
    await workspace.run("config", "set", "repository", `${registry.host}/kiosk/os`);
    return sceneOf(workspace, registry, root);
  } catch (thrown) {
    await registry.stop();
    throw thrown;
  }
}

function sceneOf(workspace: Workspace, registry: RealRegistry, root: string): Scene {
  const context = join(workspace.directory, "os");
  return {
    workspace,
    context,
    root,
    pulumi: (...args) => workspace.run(...args),
    edit: (version, how) => editContext(context, version, how?.broken ?? false),
    pages: async () => {
      const { stdout } = await workspace.run("stack", "output", "--json");
      const { endpoints } = JSON.parse(stdout) as { endpoints: Record<string, Record<string, string>> };
      return Object.fromEntries(Object.entries(endpoints).map(([name, ports]) => [name, `http://${ports["80"]}/version`]));
    },
    close: () => registry.stop(),
  };
}

async function editContext(context: string, version: number, broken: boolean): Promise<void> {
  await writeFile(join(context, "www", "version"), `${version}\n`);
  const unit = join(context, "kiosk.service");
  const program = broken ? "ExecStart=/bin/false" : "ExecStart=/usr/bin/busybox httpd -f -p 80 -h /srv/www";
  await writeFile(unit, (await readFile(unit, "utf8")).replace(/^ExecStart=.*$/m, program));
}
