/** Removes the working containers that a cancelled build leaves in the storage of podman and buildah. */
import type { RunProgram } from "../model/program.ts";
import * as buildah from "./buildah.ts";
import * as podman from "./podman.ts";
import { processesNamed } from "./process-group.ts";

type Program = "podman" | "buildah";

const commands = { buildah, podman };
/** Ctrl-C must be over soon; what is not removed by then is left. */
const tidySeconds = 5;
const listSeconds = 30;

interface Overlap {
  running: number;
  cancelled: boolean;
  readonly before: ReadonlySet<string>;
  /** Beginnings of the ids of images that our builds made or used. */
  readonly imageIds: Set<string>;
}

export interface Tidied {
  readonly program: Program;
  readonly signal: AbortSignal;
}

/** Notes the image ids in a builder's output: `--> 60a8e49181c`, `--> Using cache 60a8e4…`. */
type SeeLine = (line: string) => void;

async function list(run: RunProgram, program: Program, signal: AbortSignal): Promise<readonly buildah.WorkingContainer[]> {
  const { listContainersArgs: args, parseContainers } = commands[program];
  // Line by line, since a result keeps only the end of a long output.
  const lines: string[] = [];
  const onLine = (line: string, stream: string): void => {
    if (stream === "stdout") lines.push(line);
  };
  await run({ program, args, purpose: "to list working containers", signal, timeoutSeconds: listSeconds, onLine });
  return parseContainers(lines.join("\n"));
}

async function begin(run: RunProgram, { program, signal }: Tidied): Promise<Overlap> {
  const before = new Set((await list(run, program, signal)).map(({ id }) => id));
  return { running: 0, cancelled: false, before, imageIds: new Set() };
}

async function removeNew(run: RunProgram, program: Program, { before, imageIds }: Overlap): Promise<void> {
  const signal = AbortSignal.timeout(tidySeconds * 1000);
  const alone = (await processesNamed(["podman", "buildah"])).length === 0;
  const ours = ({ id, imageId }: buildah.WorkingContainer): boolean =>
    !before.has(id) && (alone || [...imageIds].some((known) => imageId.startsWith(known)));
  const ids = (await list(run, program, signal)).filter(ours).map(({ id }) => id);
  const args = commands[program].removeContainersArgs(ids);
  if (ids.length > 0) await run({ program, args, purpose: "to remove working containers", signal });
}

/**
 * Runs builds. Builders give their containers no mark by which to find them again, so the containers that are new
 * since our first build began are taken for ours once the last one has ended: all of them when no other builder is at
 * work, else those on top of an image that our builds named.
 */
export function tidyBuilds(run: RunProgram): (build: Tidied, work: (see: SeeLine) => Promise<void>) => Promise<void> {
  let overlap: Promise<Overlap> | undefined;
  return async (build, work) => {
    overlap ??= begin(run, build);
    const mine = await overlap.catch((error: unknown) => {
      overlap = undefined;
      throw error;
    });
    mine.running += 1;
    try {
      await work((line) => {
        const id = /^--> (?:Using cache )?([0-9a-f]{11,64})$/.exec(line)?.[1];
        if (id !== undefined) mine.imageIds.add(id);
      });
    } finally {
      mine.running -= 1;
      mine.cancelled ||= build.signal.aborted;
      if (mine.running === 0) {
        overlap = undefined;
        // The build's own error matters more than one of tidying up after it.
        if (mine.cancelled) await removeNew(run, build.program, mine).catch(() => undefined);
      }
    }
  };
}
