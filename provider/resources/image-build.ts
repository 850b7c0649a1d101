/** Brings one image into being: found under its `in-` tag, or built, pushed and read back. */
import { Failure } from "../failure.ts";
import { formatImageReference, type PinnedReference } from "../model/image-reference.ts";
import { inTag } from "../model/input-hash.ts";
import { pinBases } from "../model/pin-bases.ts";
import type { CallContext } from "../spec/served.ts";
import { contextMoved, repositoryOf } from "./image-inputs.ts";
import type { ImageArgs, ImageState } from "./image-spec.ts";
import { progressText } from "./progress-text.ts";
import type { BuildContexts, Builders, ContextReading, ImageDescription, Images } from "./ports.ts";

export interface ImagePorts {
  readonly contexts: BuildContexts;
  readonly builders: Builders;
  readonly images: Images;
  /** Runs `work` with an empty folder of mode 0700, which is removed afterwards. */
  readonly withFolder: <T>(purpose: string, work: (folder: string) => Promise<T>) => Promise<T>;
}

export interface BuildPlan {
  readonly args: ImageArgs;
  readonly context: CallContext;
  /** What Check read in this run; absent when another process did. */
  readonly planned: ContextReading | undefined;
}

/** Safe to run again after a crash at any line: what was pushed is found under its tag. */
export async function buildImage(ports: ImagePorts, plan: BuildPlan): Promise<ImageState> {
  const { args, context } = plan;
  const repository = repositoryOf(args.repository, context.name);
  const inputTag = inTag(args.inputHash);
  const reading = await readContext(ports, plan);
  const found = await ports.images.resolve({ ...repository, tag: inputTag }, { signal: context.signal });
  if (found !== undefined) {
    const reference = { ...repository, digest: found };
    if (args.tags.length > 0) await ports.images.tag(reference, args.tags, context.signal);
    const state = await describeImage(ports, { reference, inputTag, instructions: reading.instructions }, context.signal);
    if (state !== undefined) return state;
  }
  return ports.withFolder("build", (folder) => buildAndPublish(ports, plan, { folder, reading, inputTag }));
}

function readContext(ports: ImagePorts, { args, context }: BuildPlan): Promise<ContextReading> {
  const { containerfile, target } = args;
  return ports.contexts.read({
    context: args.context,
    ...(containerfile === undefined ? {} : { containerfile }),
    buildArgs: args.buildArgs,
    ...(target === undefined ? {} : { target }),
    platforms: args.platforms,
    signal: context.signal,
  });
}

interface Workplace {
  readonly folder: string;
  readonly reading: ContextReading;
  readonly inputTag: string;
}

async function buildAndPublish(ports: ImagePorts, plan: BuildPlan, { folder, reading, inputTag }: Workplace): Promise<ImageState> {
  const { args, context } = plan;
  if (plan.planned !== undefined && plan.planned.sourcesHash !== reading.sourcesHash) throw contextMoved(plan.planned, reading);
  await ports.builders.build({
    builder: args.builder,
    context: args.context,
    containerfile: reading.containerfile,
    containerfileText: pinBases(reading.containerfileText, args.bases, args),
    buildArgs: args.buildArgs,
    ...(args.target === undefined ? {} : { target: args.target }),
    platforms: args.platforms,
    labels: args.labels,
    secrets: args.secrets,
    layoutDirectory: folder,
    signal: context.signal,
    onLine: (line) => context.report.status(line),
  });
  // A file that was written while the builder copied it must not be stored under the hash of what it was before.
  const after = await readContext(ports, plan);
  if (after.sourcesHash !== reading.sourcesHash) throw contextMoved(reading, after);
  const repository = repositoryOf(args.repository, context.name);
  const onProgress = progressText((text) => context.report.status(text));
  const description = await ports.images.publish({
    layoutDirectory: folder,
    repository,
    tags: [inputTag, ...args.tags],
    signal: context.signal,
    onProgress,
  });
  return stateOf(description, { reference: { ...repository, digest: description.digest }, inputTag, instructions: reading.instructions });
}

export interface ImageIdentity {
  readonly reference: PinnedReference;
  readonly inputTag: string | undefined;
  readonly instructions: ContextReading["instructions"];
}

/** The state of an image that exists, read back from where it is; undefined when it is not there. */
export async function describeImage(ports: ImagePorts, identity: ImageIdentity, signal: AbortSignal): Promise<ImageState | undefined> {
  const description = await ports.images.describe(identity.reference, signal);
  return description === undefined ? undefined : stateOf(description, identity);
}

function stateOf(description: ImageDescription, { reference, inputTag, instructions }: ImageIdentity): ImageState {
  if (description.digest !== reference.digest) {
    throw new Failure({
      kind: "remote",
      message: `${formatImageReference(reference)} was answered with another image, ${description.digest}. State was kept.`,
    });
  }
  return {
    ref: formatImageReference(reference),
    digest: description.digest,
    platformDigests: description.platformDigests,
    ...(description.createdAt === undefined ? {} : { createdAt: description.createdAt }),
    sizeBytes: description.sizeBytes,
    ...(inputTag === undefined ? {} : { inputTag }),
    instructions,
  };
}
