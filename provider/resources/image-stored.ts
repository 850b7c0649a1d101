/** An image that exists: read back, imported, removed. */
import { Failure } from "../failure.ts";
import {
  formatImageReference,
  isPinned,
  parseImageReference,
  type ImageReference,
  type PinnedReference,
} from "../model/image-reference.ts";
import type { HandlersOf } from "../spec/resource.ts";
import type { CallContext } from "../spec/served.ts";
import { describeImage, type ImagePorts } from "./image-build.ts";
import type { imageInputs, imageOutputs } from "./image-spec.ts";

type Handlers = HandlersOf<typeof imageInputs, typeof imageOutputs>;
type RemoveRequest = Parameters<Handlers["remove"]>[0];

export async function readImage(
  ports: ImagePorts,
  { id, args, state, context }: Parameters<Handlers["read"]>[0],
): ReturnType<Handlers["read"]> {
  try {
    if (args === undefined || state === undefined) return await importImage(ports, id, context);
    const reference = pinnedReference(state.ref);
    const description = reference === undefined ? undefined : await ports.images.describe(reference, context.signal);
    return description === undefined ? { kind: "gone" } : { kind: "present", args, state };
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.kind === "remote" && state !== undefined)
      return { kind: "unsure", reason: unsure(context.name, state.ref, thrown) };
    throw thrown;
  }
}

function unsure(name: string, ref: string, cause: Failure): Failure {
  return new Failure({
    kind: "remote",
    message: `Could not tell whether image "${name}" (${ref}) still exists: ${cause.message} Its state was kept.`,
    ...(cause.fix === undefined ? {} : { fix: `${cause.fix.replace(/\.$/, "")} and run pulumi refresh again.` }),
    cause,
  });
}

function pinnedReference(text: string): PinnedReference | undefined {
  const reference = parseImageReference(text);
  return reference !== undefined && isPinned(reference) ? reference : undefined;
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
  const inputTag = reference.tag?.startsWith("in-") ? reference.tag : undefined;
  const state = await describeImage(ports, { reference: found, inputTag, instructions: [] }, context.signal);
  if (state === undefined) return { kind: "gone" };
  const repository =
    reference.registry === "local" ? {} : { repository: formatImageReference({ registry: found.registry, repository: found.repository }) };
  return { kind: "present", args: { ...repository, platforms: Object.keys(state.platformDigests) }, state };
}

/**
 * `wanted` is where the program of this run, which has the resource still, finds its image: a replacement deletes the old
 * resource after it made the new one, and both are the same image when nothing else changed.
 */
export async function removeImage(ports: ImagePorts, request: RemoveRequest, wanted: ImageReference | undefined): Promise<void> {
  const { args, state, context } = request;
  const reference = pinnedReference(state.ref);
  if (args.onDelete === "keep" || reference === undefined) return;
  if (wanted !== undefined && isIn(wanted, reference) && (await ports.images.resolve(wanted, context)) === reference.digest) return;
  await ports.images.remove(reference, context.signal);
}

function isIn(a: ImageReference, b: ImageReference): boolean {
  return a.registry === b.registry && a.repository === b.repository;
}
