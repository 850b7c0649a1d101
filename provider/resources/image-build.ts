/** Brings one image into being: found under its `in-` tag, or built, pushed and read back; then its tags are moved. */
import { asFailure, Failure, retell } from "../failure.ts";
import { shortDigest } from "../model/digest.ts";
import { formatImageReference, type PinnedReference } from "../model/image-reference.ts";
import { pinBases } from "../model/pin-bases.ts";
import type { CallContext } from "../spec/served.ts";
import { contextMoved, readContext } from "./image-context.ts";
import { findImage, formerAt, type Found, type Place } from "./image-place.ts";
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
  readonly at: Place;
  readonly old: ImageState | undefined;
  readonly context: CallContext;
  /** What Check read in this run; absent when another process did. */
  readonly planned: ContextReading | undefined;
  /** Texts that nobody may read. */
  readonly secretTexts: readonly string[];
}

export interface BuiltImage {
  readonly state: ImageState;
  readonly incomplete?: Failure;
}

/** Safe to run again after a crash at any line: what was pushed is found under its tag. */
export async function ensureImage(ports: ImagePorts, plan: BuildPlan): Promise<BuiltImage> {
  const { args, at, context } = plan;
  const reading = plan.planned ?? (await readContext(ports.contexts, args, context.signal));
  const found =
    (await findBuilt(ports.images, plan)) ?? (await ports.withFolder("build", (folder) => build(ports, plan, { folder, reading })));
  const state = stateOf(found, { inputTag: at.tag, instructions: reading.instructions, tags: [] });
  if (args.tags.length === 0) return { state };
  try {
    await ports.images.tag(found.reference, args.tags, context.signal);
    return { state: { ...state, tags: args.tags } };
  } catch (thrown) {
    return { state, incomplete: untagged(asFailure(thrown), args.tags, state) };
  }
}

async function findBuilt(images: Images, { at, old, context }: BuildPlan): Promise<Found | undefined> {
  const found = await findImage(images, { at, former: formerAt(at, old) }, context);
  if (found?.untagged === true) await images.tag(found.reference, [at.tag], context.signal);
  return found;
}

interface Workplace {
  readonly folder: string;
  readonly reading: ContextReading;
}

async function build(ports: ImagePorts, plan: BuildPlan, { folder, reading }: Workplace): Promise<Found> {
  const { args, at, context } = plan;
  const mustNotMove = async (): Promise<void> => {
    const now = await readContext(ports.contexts, args, context.signal);
    if (now.sourcesHash !== reading.sourcesHash) throw contextMoved(reading, now);
  };
  await mustNotMove();
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
    redact: plan.secretTexts,
    layoutDirectory: folder,
    signal: context.signal,
    onLine: (line) => context.report.status(line),
  });
  // A file that was written while the builder copied it must not be stored under the hash of what it was before.
  await mustNotMove();
  const { tag, ...repository } = at;
  const onProgress = progressText((text) => context.report.status(text));
  const description = await ports.images.publish({ layoutDirectory: folder, repository, tags: [tag], signal: context.signal, onProgress });
  return { reference: { ...repository, digest: description.digest }, description, untagged: false };
}

/** What was pushed is in state, and so is that it has no tags yet: the next run has something to do even after a refresh. */
function untagged(cause: Failure, tags: readonly string[], { ref, digest }: ImageState): Failure {
  const short = ref.replace(digest, `sha256:${shortDigest(digest)}…`);
  return retell(cause, {
    message: `${cause.message} The image itself is in place (${short}); its tags (${tags.join(", ")}) are moved by the next run.`,
  });
}

/** The state of an image, by what its registry says of it and what only we know. */
export function stateOf(
  { reference, description }: { readonly reference: PinnedReference; readonly description: ImageDescription },
  own: Pick<ImageState, "inputTag" | "instructions" | "tags">,
): ImageState {
  if (description.digest !== reference.digest) {
    throw new Failure({
      kind: "remote",
      message: `${formatImageReference(reference)} was answered with another image, ${description.digest}. State was kept.`,
    });
  }
  const { digest, platformDigests, createdAt, sizeBytes } = description;
  return {
    ref: formatImageReference(reference),
    digest,
    platformDigests,
    ...(createdAt === undefined ? {} : { createdAt }),
    sizeBytes,
    ...own,
  };
}
