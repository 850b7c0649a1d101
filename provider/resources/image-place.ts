/** Where an Image is, or will be: its repository, and the tag that everyone with the same inputs finds it under. */
import { Failure } from "../failure.ts";
import { isPinned, parseImageReference, type ImageReference, type PinnedReference } from "../model/image-reference.ts";
import { inTag } from "../model/input-hash.ts";
import type { CheckedFields } from "../spec/handlers.ts";
import { isKnown, known } from "../spec/known.ts";
import type { ImageArgs, ImageState } from "./image-spec.ts";
import type { ImageDescription, Images } from "./ports.ts";

export type Place = ImageReference & { readonly tag: string };

/** Whose place it is. */
export interface Holder {
  /** The resource's name. */
  readonly name: string;
  /** What an earlier run left. */
  readonly state?: ImageState | undefined;
}

/** Undefined while repository or hash are not known. */
export function placeOf(args: Partial<Pick<CheckedFields<ImageArgs>, "repository" | "inputHash">>, holder: Holder): Place | undefined {
  const inputHash = known<string>(args.inputHash);
  if (inputHash === undefined || !isKnown(args.repository)) return undefined;
  return knownPlace({ repository: known<string>(args.repository), inputHash }, holder);
}

export function knownPlace(
  { repository, inputHash }: { readonly repository?: string | undefined; readonly inputHash: string },
  holder: Holder,
): Place {
  return { ...repositoryOf(repository, holder), tag: inTag(inputHash) };
}

/** The repository that the user names, or one in the local store: the one that it has been in, else one by the resource's name. */
function repositoryOf(repository: string | undefined, { name, state }: Holder): ImageReference {
  const former = state === undefined ? undefined : parseImageReference(state.ref);
  if (repository === undefined && former?.registry === "local") return { registry: "local", repository: former.repository };
  if (repository === undefined) return { registry: "local", repository: localName(name) };
  const parsed = parseImageReference(repository);
  if (parsed === undefined) throw new Failure({ kind: "bug", message: `The repository ${repository} passed Check.` });
  return { registry: parsed.registry, repository: parsed.repository };
}

function localName(name: string): string {
  const words = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  return words === "" ? "image" : words;
}

export function pinnedReference(text: string): PinnedReference {
  const reference = parseImageReference(text);
  if (reference !== undefined && isPinned(reference)) return reference;
  throw new Failure({ kind: "bug", message: `The state names ${JSON.stringify(text)} as its image, which is no reference with a digest.` });
}

export function isInRepositoryOf(a: ImageReference, b: ImageReference): boolean {
  return a.registry === b.registry && a.repository === b.repository;
}

/** The state's own image, when it was built from the same inputs for the same place: its tag may have been removed meanwhile. */
export function formerAt(at: Place, state: ImageState | undefined): PinnedReference | undefined {
  if (state?.inputTag !== at.tag) return undefined;
  const reference = pinnedReference(state.ref);
  return isInRepositoryOf(at, reference) ? reference : undefined;
}

export interface Found {
  readonly reference: PinnedReference;
  readonly description: ImageDescription;
  /** The image is there, and its `in-` tag is not. */
  readonly untagged: boolean;
}

/** By its `in-` tag, with one HEAD, or else as the image that the state names. */
export async function findImage(
  images: Images,
  { at, former }: { readonly at: Place; readonly former: PinnedReference | undefined },
  limits: { readonly signal: AbortSignal; readonly timeoutSeconds?: number },
): Promise<Found | undefined> {
  const { registry, repository } = at;
  const digest = await images.resolve(at, limits);
  const reference = digest === undefined ? former : { registry, repository, digest };
  if (reference === undefined) return undefined;
  const description = await images.describe(reference, limits.signal);
  return description === undefined ? undefined : { reference, description, untagged: digest === undefined };
}
