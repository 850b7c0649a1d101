/** Command lines of buildah, which is also what podman builds with; all paths are relative to the build folder. */
import type { BuildRequest } from "../resources/ports.ts";
import { byName, inside } from "./build-folder.ts";
import { sourceDateEpoch } from "./source-date.ts";

export interface BuildCommand {
  readonly request: BuildRequest;
  readonly secretFiles: Readonly<Record<string, string>>;
  /** Left out: the computer's own. */
  readonly platform?: string;
  /** Name under which the result stays in the builder's storage, where it is the cache of the next build. */
  readonly cacheName: string;
  readonly useCache: boolean;
}

/**
 * `--timestamp` and not the newer `--source-date-epoch` with `--rewrite-timestamp`: every version knows it and it means
 * the same in all of them, so an upgrade of the builder does not change images. It sets all times of new layers too.
 */
export function buildArgs({ request, secretFiles, platform, cacheName, useCache }: BuildCommand): readonly string[] {
  return [
    "build",
    `--timestamp=${sourceDateEpoch}`,
    // Else the builder's version is a label of every image.
    "--identity-label=false",
    "--layers",
    "--force-rm",
    // Bases are pinned by digest: what is there already is right.
    "--pull=missing",
    ...(useCache ? [] : ["--no-cache"]),
    ...(platform === undefined ? [] : [`--platform=${platform}`]),
    ...(request.target === undefined ? [] : [`--target=${request.target}`]),
    ...assignments("--build-arg", argumentsOf(request)),
    ...assignments("--label", request.labels),
    ...Object.entries(secretFiles).map(([name, file]) => `--secret=id=${name},src=${file}`),
    `--ignorefile=${inside.ignoreFile}`,
    `--file=${inside.containerfile}`,
    `--iidfile=${inside.imageId}`,
    `--tag=${cacheName}`,
    inside.context,
  ];
}

/** Sorted: the order shows in an image's history. */
export function assignments(flag: string, values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values)
    .sort(byName)
    .map(([name, value]) => `${flag}=${name}=${value}`);
}

/** With our SOURCE_DATE_EPOCH, unless the program sets its own. */
export function argumentsOf(request: BuildRequest): Readonly<Record<string, string>> {
  return { SOURCE_DATE_EPOCH: String(sourceDateEpoch), ...request.buildArgs };
}

/** Writes an image into the layout, as the entry of that name. */
export function pushArgs(imageId: string, entry: string): readonly string[] {
  return ["push", "--quiet", "--format=oci", imageId, `oci:${inside.layout}:${entry}`];
}

/** Prints the id of the image of that name, or nothing. */
export function imageIdArgs(name: string): readonly string[] {
  return ["images", "--quiet", "--no-trunc", "--filter", `reference=${name}`];
}

export function removeImageArgs(imageId: string): readonly string[] {
  return ["rmi", imageId];
}

export interface WorkingContainer {
  readonly id: string;
  /** Empty for `FROM scratch`. */
  readonly imageId: string;
}

export const listContainersArgs: readonly string[] = ["containers", "--json"];

export function parseContainers(json: string): readonly WorkingContainer[] {
  const listed = (JSON.parse(json.trim() || "[]") ?? []) as readonly { readonly id: string; readonly imageid: string }[];
  return listed.map(({ id, imageid }) => ({ id, imageId: imageid }));
}

export function removeContainersArgs(ids: readonly string[]): readonly string[] {
  return ["rm", ...ids];
}

export const versionArgs: readonly string[] = ["version", "--json"];

export function parseVersion(json: string): string {
  return (JSON.parse(json) as { readonly version: string }).version;
}
