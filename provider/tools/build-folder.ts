/**
 * The private folder that a build works in. All paths given to a builder are relative to it, so that no path of this
 * computer reaches an image's history, and none can be misread where a comma or colon has a meaning.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import { nothingIgnored, parseIgnoreFile, type IgnoreRules } from "../model/ignore-file.ts";
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
    // The copy has no ignored files, so the builder must not look for rules of its own.
    await writeFile(join(path, inside.ignoreFile), "");
    await mkdir(join(path, inside.layout));
    await copyContext({
      from: request.context,
      to: join(path, inside.context),
      rules: await readIgnoreRules(request),
      leaveOut: [path, request.layoutDirectory],
      signal: request.signal,
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

/** Of the ignore file that counts: beside the Containerfile under its name, else in the context's root. */
async function readIgnoreRules({ context, containerfile }: BuildRequest): Promise<IgnoreRules> {
  for (const name of [`${containerfile}.containerignore`, `${containerfile}.dockerignore`, ".containerignore", ".dockerignore"]) {
    const text = await readFile(join(context, name), "utf8").catch(() => undefined);
    if (text !== undefined) return parseIgnoreFile(text, name);
  }
  return nothingIgnored;
}

export function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}
