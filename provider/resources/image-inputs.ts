/** What an Image's Check computes: `sources`, `bases` and the `inputHash` that decides whether it is rebuilt. */
import { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import { formatImageReference, isPinned, parseImageReference, type ImageReference } from "../model/image-reference.ts";
import type { ContextReading, Images } from "./ports.ts";

export type BaseUpdates = "notify" | "rebuild" | "ignore";

/** Look-ups in Check happen at every preview: an unreachable registry may cost this much, and no more. */
const lookupSeconds = 2;

export interface BaseRequest {
  readonly references: readonly string[];
  /** Locks that hold: the old inputs' bases. */
  readonly locked: Readonly<Record<string, string>>;
  readonly updates: BaseUpdates;
  readonly images: Images;
  readonly signal: AbortSignal;
  readonly warn: (text: string) => void;
}

/** The digest that each base image is locked at, by the reference as the Containerfile spells it. */
export async function lockBases(request: BaseRequest): Promise<Record<string, string>> {
  const locks = await Promise.all(request.references.map(async (reference) => [reference, await lockBase(reference, request)] as const));
  return Object.fromEntries(locks.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

async function lockBase(text: string, request: BaseRequest): Promise<string> {
  const reference = parseBase(text);
  if (isPinned(reference)) return reference.digest;
  const locked = request.locked[text];
  if (locked === undefined) return resolveBase(text, reference, request);
  if (request.updates === "ignore") return locked;
  const current = await currentDigest(reference, request);
  if (current === undefined || current === locked) return locked;
  if (request.updates === "rebuild") return current;
  request.warn(`base ${text} has moved since it was locked; set baseUpdates to "rebuild" to follow it`);
  return locked;
}

function parseBase(text: string): ImageReference {
  const reference = parseImageReference(text);
  if (reference !== undefined) return reference;
  throw new Failure({
    kind: "input",
    message: `The base image "${text}" names no registry, so it could mean another image on another machine.`,
    fix: `write it in full, as registry/repository:tag.`,
  });
}

async function resolveBase(text: string, reference: ImageReference, request: BaseRequest): Promise<string> {
  const digest = await request.images.resolve(reference, { signal: request.signal, timeoutSeconds: 10 });
  if (digest !== undefined) return digest;
  throw new Failure({
    kind: "input",
    message: `The base image "${text}" does not exist: its registry answered that it has no such tag.`,
    fix: "correct the FROM line, or push the base image first.",
  });
}

/** Undefined when the registry cannot tell in time: a lock that holds must not make a preview fail. */
async function currentDigest(reference: ImageReference, request: BaseRequest): Promise<Digest | undefined> {
  try {
    return await request.images.resolve(reference, { signal: request.signal, timeoutSeconds: lookupSeconds });
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.kind !== "bug") return undefined;
    throw thrown;
  }
}

/** Where an image with this tag would be: the repository the user names, or the local store. */
export function repositoryOf(repository: string | undefined, name: string): ImageReference {
  if (repository === undefined)
    return {
      registry: "local",
      repository:
        name
          .toLowerCase()
          .replaceAll(/[^a-z0-9]+/g, "-")
          .replaceAll(/^-|-$/g, "") || "image",
    };
  const parsed = parseImageReference(repository);
  if (parsed === undefined)
    throw new Failure({
      kind: "input",
      message: `"${repository}" is not a repository this provider can push to; write it as registry/repository.`,
    });
  return { registry: parsed.registry, repository: parsed.repository };
}

export interface Lookup {
  readonly digest?: Digest;
  /** Why nobody knows, when the registry could not tell. */
  readonly unsure?: Failure;
}

/** Looks the `in-` tag up with one HEAD; a registry that cannot tell is not an error in a preview. */
export async function lookUp(images: Images, at: ImageReference, signal: AbortSignal): Promise<Lookup> {
  try {
    const digest = await images.resolve(at, { signal, timeoutSeconds: lookupSeconds });
    return digest === undefined ? {} : { digest };
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.kind !== "bug" && thrown.code !== "cancelled") return { unsure: thrown };
    throw thrown;
  }
}

/** The first few files that differ, or why all count: what a preview says of a changed context. */
export function changedKeys(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): readonly string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => before[key] !== after[key]).toSorted();
}

/** A context that changed between the plan and the build (or while it ran) must not be stored under the planned hash. */
export function contextMoved(planned: ContextReading, now: ContextReading): Failure {
  const files = changedKeys(planned.sources, now.sources).slice(0, 3).join(", ");
  return new Failure({
    kind: "input",
    message: `The build context changed after it was planned${files === "" ? "" : ` (${files})`}. Nothing was pushed, and state was kept.`,
    fix: "run pulumi up again when nothing writes to the context.",
  });
}

export function pinned(at: ImageReference, digest: Digest): string {
  return formatImageReference({ registry: at.registry, repository: at.repository, digest });
}
