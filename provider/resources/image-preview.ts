/** What a preview knows of an Image: found under its tag, it is all there; else it will be built, and says why. */
import { Failure } from "../failure.ts";
import type { HandlersOf } from "../spec/resource.ts";
import { unknown } from "../spec/value.ts";
import { isReadable, readContext } from "./image-context.ts";
import { findImage, formerAt, placeOf, type Place } from "./image-place.ts";
import type { imageInputs, imageOutputs, ImageState } from "./image-spec.ts";
import { stateOf, type ImagePorts } from "./image-build.ts";
import { explainBuild, type Lookup } from "./image-words.ts";
import type { ContextReading } from "./ports.ts";

type Handlers = HandlersOf<typeof imageInputs, typeof imageOutputs>;
type Request = Parameters<Handlers["preview"]>[0];

/** A registry that does not answer may cost a preview this much, and no more. */
const lookupSeconds = 2;

/** `planned` is what Check read in this run. */
export async function previewImage(
  ports: ImagePorts,
  request: Request,
  planned: ContextReading | undefined,
): ReturnType<Handlers["preview"]> {
  const { args, old, context } = request;
  const at = placeOf(args, { name: context.name, state: old?.state });
  const reading = planned ?? (isReadable(args) ? await readContext(ports.contexts, args, context.signal) : undefined);
  const nothing = { ref: unknown, digest: unknown, platformDigests: unknown, createdAt: unknown, sizeBytes: unknown };
  const told = { tags: args.tags, inputTag: at?.tag ?? unknown, instructions: reading?.instructions ?? unknown };
  if (at === undefined) return { ...nothing, ...told };
  const { state, ...found } = await lookUp(ports, at, request);
  context.report.info(explainBuild({ old, args, reading, at, found: { ...found, digest: state?.digest } }));
  for (const remark of reading?.remarks ?? []) context.report.warn(remark);
  return { ...(state ?? nothing), ...told };
}

/** A registry that cannot tell is not an error in a preview: what the state says of the same inputs is then believed. */
async function lookUp(
  { images }: ImagePorts,
  at: Place,
  { old, context }: Request,
): Promise<{ readonly state?: ImageState; readonly unsure?: Lookup["unsure"] }> {
  const former = formerAt(at, old?.state);
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(2 * lookupSeconds * 1000)]);
  try {
    const found = await findImage(images, { at, former }, { signal, timeoutSeconds: lookupSeconds });
    return found === undefined ? {} : { state: stateOf(found, { inputTag: at.tag, instructions: [], tags: [] }) };
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.kind === "bug" || context.signal.aborted) throw thrown;
    return former === undefined || old === undefined ? { unsure: thrown } : { state: old.state };
  }
}
