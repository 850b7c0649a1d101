/** Builds with podman or buildah: one image per platform, each the cache of its successor, joined in an OCI layout. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Failure } from "../failure.ts";
import type { ProgramResult, RunProgram } from "../model/program.ts";
import { formatPlatform, parsePlatform, samePlatform } from "../model/platform.ts";
import type { BuildRequest } from "../resources/ports.ts";
import { withLock } from "../storage/process-lock.ts";
import { inside, type BuildFolder } from "./build-folder.ts";
import { runBuild } from "./build-run.ts";
import { buildArgs, imageIdArgs, pushArgs, removeImageArgs } from "./buildah.ts";
import { joinEntries, takeEntry, type PlatformImage } from "./oci-layout.ts";

export interface ContainerBuild {
  readonly run: RunProgram;
  readonly program: "podman" | "buildah";
  readonly request: BuildRequest;
  readonly folder: BuildFolder;
}

/** Leaves the layout in the build folder. */
export async function buildWithContainers(build: ContainerBuild): Promise<void> {
  const { request, folder } = build;
  const platforms = request.platforms.length === 0 ? [undefined] : [...new Set(request.platforms)];
  const entries: PlatformImage[] = [];
  for (const [index, platform] of platforms.entries()) entries.push(await buildPlatform(build, platform, `p${index}`));
  await joinEntries(join(folder.path, inside.layout), entries);
}

/**
 * Older versions take a cached step of another platform for their own when a stage starts from scratch, so the
 * result is looked at, and built again without the cache when it is for another platform than asked.
 */
async function buildPlatform(build: ContainerBuild, platform: string | undefined, entry: string): Promise<PlatformImage> {
  const first = await buildOnce(build, { platform, entry, useCache: true });
  if (matches(first, platform)) return first;
  const second = await buildOnce(build, { platform, entry: `${entry}-again`, useCache: false });
  if (matches(second, platform)) return second;
  throw new Failure({
    kind: "tool",
    message: `${build.program} was asked for an image for ${platform} and built one for ${formatPlatform(second.platform)}. Nothing was published.`,
    fix: "pin a base image that exists for that platform.",
  });
}

function matches(entry: PlatformImage, platform: string | undefined): boolean {
  const wanted = platform === undefined ? undefined : parsePlatform(platform);
  return wanted === undefined || samePlatform(wanted, entry.platform);
}

interface Attempt {
  readonly platform: string | undefined;
  readonly entry: string;
  readonly useCache: boolean;
}

async function buildOnce(build: ContainerBuild, attempt: Attempt): Promise<PlatformImage> {
  const name = cacheName(build.request, attempt.platform);
  // Another build of the same context would replace the image while we copy it out.
  const { signal, onLine } = build.request;
  const onWait = (): void => onLine("Waiting for another process that builds the same context.");
  return withLock(name, { signal, onWait }, () => buildAs(name, build, attempt));
}

/** The image stays under its cache name; the one that had the name before goes, so that storage does not grow. */
async function buildAs(name: string, build: ContainerBuild, { platform, entry, useCache }: Attempt): Promise<PlatformImage> {
  const { request, folder } = build;
  const before = await call(build, imageIdArgs(name));
  const chosen = platform === undefined ? {} : { platform };
  const args = buildArgs({ request, secretFiles: folder.secretFiles, cacheName: name, useCache, ...chosen });
  await runBuild({ ...build, args, ...chosen });
  const imageId = bareId(await readFile(join(folder.path, inside.imageId), "utf8"));
  for (const old of new Set(before.stdout.split("\n").map(bareId))) {
    // One that is in use elsewhere, or gone already, is fine.
    if (old !== "" && old !== imageId) await call(build, removeImageArgs(old)).catch(ignoreExit);
  }
  await call(build, pushArgs(imageId, entry));
  return takeEntry(join(folder.path, inside.layout), entry);
}

function bareId(text: string): string {
  return text.trim().replace(/^sha256:/, "");
}

function ignoreExit(error: unknown): void {
  if (!(error instanceof Failure) || error.code !== "exit") throw error;
}

function call({ run, program, request, folder }: ContainerBuild, args: readonly string[]): Promise<ProgramResult> {
  const purpose = `to build ${request.containerfile}`;
  return run({ program, args, purpose, workingDirectory: folder.path, signal: request.signal });
}

/** One name per context, Containerfile, target and platform; it stays on this computer, so it may follow the path. */
function cacheName(request: BuildRequest, platform: string | undefined): string {
  const key = [resolve(request.context), request.containerfile, request.target ?? "", platform ?? ""].join("\0");
  return `localhost/bootable-cache/${createHash("sha256").update(key).digest("hex").slice(0, 32)}:latest`;
}
