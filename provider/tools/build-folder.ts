/**
 * The private folder that a build works in. All paths given to a builder are relative to it, so that no path of this
 * computer reaches an image's history, and none can be misread where a comma or colon has a meaning.
 */
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import type { BuildRequest } from "../resources/ports.ts";
import { offerSourceDate } from "./source-date.ts";
import { copyContext } from "./staged-context.ts";

export interface BuildFolder {
  readonly path: string;
  /** Build secrets' names to their files, relative to the folder. */
  readonly secretFiles: Readonly<Record<string, string>>;
}

/** Names inside the folder. */
export const inside = {
  context: "context",
  containerfile: "Containerfile",
  /** BuildKit looks for the ignore file at this place; the others are told. */
  ignoreFile: "Containerfile.dockerignore",
  imageId: "image-id",
  layout: "layout",
  secrets: "secrets",
} as const;

/** Runs `work` in a new folder beside the layout directory (same file system: the result moves by renaming). */
export async function inBuildFolder(request: BuildRequest, work: (folder: BuildFolder) => Promise<void>): Promise<void> {
  const path = await mkdtemp(`${request.layoutDirectory}-build-`);
  try {
    const secretFiles = await writeSecrets(path, request.secrets);
    await writeFile(join(path, inside.containerfile), offerSourceDate(request.containerfileText, request.containerfile));
    await writeIgnoreFile(path, request);
    await mkdir(join(path, inside.layout));
    await copyContext({
      from: request.context,
      to: join(path, inside.context),
      leaveOut: [path, request.layoutDirectory],
      signal: request.signal,
      ...(request.files === undefined ? {} : { files: request.files }),
    });
    await work({ path, secretFiles });
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

async function writeSecrets(path: string, secrets: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const folder = join(path, inside.secrets);
  await mkdir(folder, { mode: 0o700 });
  const files: Record<string, string> = {};
  for (const [index, [name, value]] of Object.entries(secrets).sort(byName).entries()) {
    if (!/^[\w.-]+$/.test(name)) throw badSecretName(name);
    files[name] = `${inside.secrets}/${index}`;
    await writeFile(join(path, files[name]), value, { mode: 0o600 });
  }
  return files;
}

function badSecretName(name: string): Failure {
  const message = `secrets: ${JSON.stringify(name)} cannot name a build secret; use letters, digits, "_", "-" and "."`;
  return new Failure({ kind: "input", message });
}

/** The ignore file that counts, as podman and BuildKit choose it; an empty one when the files were chosen already. */
async function writeIgnoreFile(path: string, request: BuildRequest): Promise<void> {
  const target = join(path, inside.ignoreFile);
  await writeFile(target, "");
  if (request.files !== undefined) return;
  const own = [`${request.containerfile}.containerignore`, `${request.containerfile}.dockerignore`];
  for (const name of [...own, ".containerignore", ".dockerignore"]) {
    const found = await copyFile(join(request.context, name), target).then(
      () => true,
      () => false,
    );
    if (found) return chmod(target, 0o644);
  }
}

export function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}
