/** Where podman and docker keep what they know about registries, for the user who runs us. */
import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { Failure } from "../failure.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export function set(environment: Environment, name: string): string | undefined {
  const value = environment[name];
  return value === "" ? undefined : value;
}

/** In a container a user may be in no list and have no home, and so no settings in it. */
function home(environment: Environment): string {
  try {
    return set(environment, "HOME") ?? homedir();
  } catch {
    return "/nonexistent";
  }
}

/** `$XDG_CONFIG_HOME/containers`. */
export function containersFolder(environment: Environment): string {
  const configured = set(environment, "XDG_CONFIG_HOME");
  const base = configured !== undefined && isAbsolute(configured) ? configured : join(home(environment), ".config");
  return join(base, "containers");
}

/** In the order of containers-auth.json(5); a file named by REGISTRY_AUTH_FILE stands alone. */
export function authFiles(environment: Environment): readonly string[] {
  const only = set(environment, "REGISTRY_AUTH_FILE");
  if (only !== undefined) return [only];
  const runtime = set(environment, "XDG_RUNTIME_DIR");
  const docker = set(environment, "DOCKER_CONFIG") ?? join(home(environment), ".docker");
  return [
    runtime === undefined ? `/run/containers/${process.getuid?.() ?? 0}/auth.json` : join(runtime, "containers/auth.json"),
    join(containersFolder(environment), "auth.json"),
    join(docker, "config.json"),
  ];
}

/** In the order of containers-registries.conf(5): one file, then all drop-ins, the later the stronger. */
export async function registriesFiles(environment: Environment): Promise<readonly string[]> {
  const own = join(containersFolder(environment), "registries.conf");
  const dropIns = [...(await confFiles("/etc/containers/registries.conf.d")), ...(await confFiles(`${own}.d`))];
  const named = set(environment, "CONTAINERS_REGISTRIES_CONF");
  if (named !== undefined) return [named, ...dropIns];
  return [(await readIfThere(own)) === undefined ? "/etc/containers/registries.conf" : own, ...dropIns];
}

async function confFiles(folder: string): Promise<readonly string[]> {
  const names = await filesIn(folder);
  return names.filter((name) => name.endsWith(".conf")).map((name) => join(folder, name));
}

function isAbsence(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

function unreadable(path: string, cause: unknown): Failure {
  return new Failure({
    kind: "environment",
    message: `${path}, which says how registries are reached, cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
    fix: "make it readable for the user who runs pulumi.",
    cause,
  });
}

/** Sorted names; none when the folder is not there. */
export async function filesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isAbsence(error)) return [];
    throw unreadable(folder, error);
  }
}

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw unreadable(path, error);
  }
}
