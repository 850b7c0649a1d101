/** Command lines of docker, which builds with BuildKit; all paths are relative to the build folder. */
import type { BuildRequest } from "../resources/ports.ts";
import { inside } from "./build-folder.ts";
import { argumentsOf, assignments } from "./buildah.ts";

export interface DockerBuild {
  readonly request: BuildRequest;
  readonly secretFiles: Readonly<Record<string, string>>;
}

/**
 * Attestations are left out: they hold the time of the build. BuildKit knows all platforms of a build at once and
 * writes the index itself; it finds the ignore file beside the Containerfile.
 */
export function buildArgs({ request, secretFiles }: DockerBuild): readonly string[] {
  const output = ["type=oci", `dest=${inside.layout}`, "tar=false", "oci-mediatypes=true", "compression=gzip", "rewrite-timestamp=true"];
  return [
    "buildx",
    "build",
    "--progress=plain",
    "--provenance=false",
    "--sbom=false",
    `--output=${output.join(",")}`,
    ...(request.platforms.length === 0 ? [] : [`--platform=${request.platforms.join(",")}`]),
    ...(request.target === undefined ? [] : [`--target=${request.target}`]),
    ...assignments("--build-arg", argumentsOf(request)),
    ...assignments("--label", request.labels),
    ...Object.entries(secretFiles).map(([name, file]) => `--secret=id=${name},src=${file}`),
    `--file=${inside.containerfile}`,
    inside.context,
  ];
}

/** Answers only when the engine does. */
export const engineVersionArgs: readonly string[] = ["version", "--format={{.Server.Version}}"];

export const buildxVersionArgs: readonly string[] = ["buildx", "version"];
