/** Finds a builder that works: a client without its engine, or one too old for a Containerfile, is passed over. */
import { Failure } from "../failure.ts";
import type { RunProgram } from "../model/program.ts";
import type { BuildRequest } from "../resources/ports.ts";
import * as buildah from "./buildah.ts";
import * as docker from "./docker.ts";
import { findHereDocument } from "./here-documents.ts";
import * as podman from "./podman.ts";

export type BuilderName = "podman" | "buildah" | "docker";

const inOrder: readonly BuilderName[] = ["podman", "buildah", "docker"];
const probeSeconds = 10;
const purpose = "to build images";

/** The builder asked for, or with `auto` the first that works; a Failure says what was wrong with each. */
export async function findBuilder(run: RunProgram, request: BuildRequest): Promise<BuilderName> {
  const candidates = request.builder === "auto" ? inOrder : [request.builder];
  const troubles: Failure[] = [];
  for (const name of candidates) {
    const trouble = await probe(run, name, request);
    if (trouble === undefined) return name;
    troubles.push(trouble);
  }
  throw noBuilder(troubles);
}

async function probe(run: RunProgram, name: BuilderName, request: BuildRequest): Promise<Failure | undefined> {
  try {
    await probes[name]({ run, request });
    return undefined;
  } catch (error) {
    if (error instanceof Failure && error.code !== "cancelled") return error;
    throw error;
  }
}

interface Probe {
  readonly run: RunProgram;
  readonly request: BuildRequest;
}

const probes: Readonly<Record<BuilderName, (probe: Probe) => Promise<void>>> = {
  async podman({ run, request }) {
    const text = await answer({ run, request }, { program: "podman", args: podman.versionArgs, silence: silentPodman });
    const versions = podman.parseVersions(text);
    refuseHereDocuments(request, { name: `podman ${versions.own} (with buildah ${versions.buildah})`, buildah: versions.buildah });
  },
  async buildah({ run, request }) {
    const text = await answer({ run, request }, { program: "buildah", args: buildah.versionArgs, silence: silentBuildah });
    const version = buildah.parseVersion(text);
    refuseHereDocuments(request, { name: `buildah ${version}`, buildah: version });
  },
  async docker({ run, request }) {
    await answer({ run, request }, { program: "docker", args: docker.engineVersionArgs, silence: silentDocker });
    await answer({ run, request }, { program: "docker", args: docker.buildxVersionArgs, silence: noBuildx });
  },
};

interface Silence {
  readonly message: string;
  readonly fix: string;
}

const silentPodman: Silence = {
  message: "podman was found, but it does not answer.",
  fix: 'see what "podman info" says ("podman machine start" starts its machine where it has one), or set builder to another one.',
};
const silentBuildah: Silence = { message: "buildah was found, but it does not answer.", fix: 'see what "buildah version" says.' };
const silentDocker: Silence = {
  message: "docker was found, but its engine does not answer.",
  fix: "start the Docker engine, or install podman or buildah, which need none.",
};
const noBuildx: Silence = {
  message: "docker was found, but not its buildx plugin, which builds images.",
  fix: "install docker-buildx (docker-buildx-plugin in Docker's own repositories), or install podman or buildah.",
};

/** What the program prints; a Failure of our own words when it ends otherwise or hangs. */
async function answer({ run, request }: Probe, question: { program: string; args: readonly string[]; silence: Silence }): Promise<string> {
  const { program, args, silence } = question;
  try {
    return (await run({ program, args, purpose, signal: request.signal, timeoutSeconds: probeSeconds })).stdout;
  } catch (error) {
    if (!(error instanceof Failure) || error.code === "cancelled" || error.code === "not-found") throw error;
    const detail = error.detail ?? error.message;
    throw new Failure({ kind: "environment", code: "not-working", ...silence, detail, cause: error });
  }
}

function refuseHereDocuments(request: BuildRequest, builder: { readonly name: string; readonly buildah: string }): void {
  const found = findHereDocument(request.containerfileText, request.containerfile);
  if (found === undefined || atLeast(builder.buildah, [1, 33])) return;
  throw new Failure({
    kind: "environment",
    code: "too-old",
    message: `${request.containerfile} line ${found.line} has a here-document (<<${found.name}), which ${builder.name} cannot build.`,
    fix: "install buildah 1.33 or podman 4.8 or newer, or write that step without a here-document.",
  });
}

/** A version that cannot be read counts as new: the builder will say what it cannot do. */
export function atLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, first, second] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (first === undefined || second === undefined) return true;
  return Number(first) > major || (Number(first) === major && Number(second) >= minor);
}

/** What the program said last, under what we say about it. */
function lastWords(detail: string | undefined): readonly string[] {
  const line = detail?.trimEnd().split("\n").at(-1) ?? "";
  return line === "" ? [] : [`  it said: ${line}`];
}

function noBuilder(troubles: readonly Failure[]): Failure {
  const [only] = troubles;
  if (troubles.length === 1 && only !== undefined) return only;
  const present = troubles.filter(({ code }) => code !== "not-found");
  const [first] = present;
  if (first === undefined) {
    return new Failure({
      kind: "environment",
      code: "not-found",
      message: `A builder is needed ${purpose}, and none was found on PATH: neither podman nor buildah nor docker.`,
      fix: "install podman, or set bootable:tools.podman to its path.",
    });
  }
  return new Failure({
    kind: "environment",
    code: first.code ?? "not-working",
    message: `None of the builders found on PATH can build this image:`,
    detail: present.map(({ message, detail }) => [message, ...lastWords(detail)].join("\n")).join("\n"),
    ...(first.fix === undefined ? {} : { fix: first.fix }),
  });
}
