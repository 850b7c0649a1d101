/** An image that exists: read back, imported, removed. */
import { Failure, retell } from "../failure.ts";
import { formatImageReference, parseImageReference, type ImageReference } from "../model/image-reference.ts";
import type { HandlersOf } from "../spec/resource.ts";
import type { CallContext } from "../spec/served.ts";
import { stateOf, type ImagePorts } from "./image-build.ts";
import { isInRepositoryOf, pinnedReference } from "./image-place.ts";
import type { imageInputs, imageOutputs, ImageState } from "./image-spec.ts";

type Handlers = HandlersOf<typeof imageInputs, typeof imageOutputs>;
type RemoveRequest = Parameters<Handlers["remove"]>[0];

export async function readImage(
  ports: ImagePorts,
  { id, args, state, context }: Parameters<Handlers["read"]>[0],
): ReturnType<Handlers["read"]> {
  if (args === undefined || state === undefined) return importImage(ports, id, context);
  try {
    const description = await ports.images.describe(pinnedReference(state.ref), context.signal);
    return description === undefined ? { kind: "gone" } : { kind: "present", args, state };
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.kind === "bug" || context.signal.aborted) throw thrown;
    return { kind: "unsure", reason: unsure(thrown) };
  }
}

/** Whoever could not tell has said so, of which image and why. */
function unsure(cause: Failure): Failure {
  const fix = cause.fix === undefined ? undefined : `${cause.fix.replace(/\.$/, "")} and run pulumi refresh again.`;
  return retell(cause, { message: `${cause.message} Its state was kept.`, fix });
}

/** What can be recovered of an image that exists; its `in-` tag, when it is imported by that, lets the next run adopt it unbuilt. */
async function importImage(ports: ImagePorts, id: string, context: CallContext): ReturnType<Handlers["read"]> {
  const reference = parseImageReference(id);
  if (reference === undefined) {
    throw new Failure({
      kind: "input",
      message: `"${id}" is no image to import.`,
      fix: "give it as registry/repository:tag or registry/repository@sha256:digest.",
    });
  }
  const digest = reference.digest ?? (await ports.images.resolve(reference, { signal: context.signal }));
  if (digest === undefined) return { kind: "gone" };
  const found = { registry: reference.registry, repository: reference.repository, digest };
  const description = await ports.images.describe(found, context.signal);
  if (description === undefined) return { kind: "gone" };
  const state = stateOf({ reference: found, description }, { ...tagsOf(reference.tag), instructions: [] });
  const repository =
    reference.registry === "local" ? {} : { repository: formatImageReference({ registry: found.registry, repository: found.repository }) };
  return { kind: "present", args: { ...repository, platforms: Object.keys(state.platformDigests) }, state };
}

function tagsOf(tag: string | undefined): Pick<ImageState, "inputTag" | "tags"> {
  if (tag === undefined) return { tags: [] };
  return tag.startsWith("in-") ? { inputTag: tag, tags: [] } : { tags: [tag] };
}

/**
 * `wanted` is where the program of this run, which has the resource still, finds its image: a replacement deletes the old
 * resource after it made the new one, and both are the same image when nothing else changed.
 */
export async function removeImage(ports: ImagePorts, request: RemoveRequest, wanted: ImageReference | undefined): Promise<void> {
  const { args, state, context } = request;
  const reference = pinnedReference(state.ref);
  if (args.onDelete === "keep") return;
  if (wanted !== undefined && isInRepositoryOf(wanted, reference) && (await ports.images.resolve(wanted, context)) === reference.digest)
    return;
  await ports.images.remove(reference, context.signal);
}
