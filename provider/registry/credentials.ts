/** Finds the credentials for a repository in the user's auth files and credential helpers. Read anew each time: logins change. */
import { Failure } from "../failure.ts";
import type { RunProgram } from "../model/program.ts";
import { findCredentials, helpersFor, parseAuthFile, parseHelperAnswer, type AuthFile, type Credentials } from "./auth-file.ts";
import { textsOf } from "./json-shape.ts";
import { authFiles, readIfThere, type Environment } from "./surroundings.ts";

export type FindCredentials = (registry: string, repository: string, signal: AbortSignal) => Promise<Credentials | undefined>;

async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  const file = parseAuthFile(path, text);
  if (file !== undefined) return file;
  throw new Failure({
    kind: "environment",
    message: `${path} holds the logins for registries, but it is not a JSON object.`,
    fix: `mend it, or move it away and log in again with "podman login".`,
  });
}

/** Docker's helpers know Docker Hub under the name of its old index. */
function helperKey(registry: string): string {
  return registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
}

function checkHelperName(name: string, path: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return;
  throw new Failure({
    kind: "environment",
    message: `${path} names the credential helper ${JSON.stringify(name)}; a name has only letters, digits, ".", "_" and "-".`,
    fix: "correct credHelpers or credsStore there.",
  });
}

export function credentialFinder(runProgram: RunProgram, environment: Environment): FindCredentials {
  const askHelper = async (name: string, registry: string, signal: AbortSignal): Promise<Credentials | undefined> => {
    const program = `docker-credential-${name}`;
    const answer = await runProgram({
      program,
      args: ["get"],
      purpose: `to log in to ${registry}`,
      input: helperKey(registry),
      // It finds its own way to the secrets, by variables that only it knows.
      environment: textsOf(environment),
      signal,
      timeoutSeconds: 30,
      // Helpers say "not found" with exit code 1.
      exitCodes: [0, 1],
    });
    return answer.exitCode === 0 ? parseHelperAnswer(answer.stdout, program) : undefined;
  };
  return async (registry, repository, signal) => {
    for (const path of authFiles(environment)) {
      const file = await readAuthFile(path);
      if (file === undefined) continue;
      for (const name of helpersFor(file, registry)) {
        checkHelperName(name, path);
        const found = await askHelper(name, registry, signal);
        if (found !== undefined) return found;
      }
      const found = findCredentials(file, registry, repository);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}
