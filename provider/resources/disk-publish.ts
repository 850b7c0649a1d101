/** The disk in the registry of its image: what a Disk with `publish` asks for, plans, keeps in its state and removes. */
import { Failure } from "../failure.ts";
import { formatByteSize } from "../model/byte-size.ts";
import { isDigest } from "../model/digest.ts";
import { formatImageReference, isPinned, localRegistry, parseImageReference, type ImageReference } from "../model/image-reference.ts";
import type { CallContext, CheckFailure } from "../spec/served.ts";
import type { DiskSharing, PublishedDisk } from "../model/published-disk.ts";
import type { CachedDisk, DiskRequest, Disks } from "./ports.ts";

/** As the state has it. */
export interface Artifact {
  readonly ref: string;
  readonly pushed: boolean;
}

interface Remembered {
  readonly identity: string;
  readonly digest: string;
  readonly artifact?: Artifact;
}

/** Silent about an image that is not known yet: what it turns out to be is then said when the disk is made. */
export function checkPublish(args: { readonly image?: unknown; readonly publish?: unknown }): readonly CheckFailure[] {
  if (args.publish !== true || typeof args.image !== "string") return [];
  if (parseImageReference(args.image)?.registry !== localRegistry) return [];
  const reason = `true needs an image in a registry, and "${args.image}" is in the local store of this computer; set repository on the Image, or leave publish out`;
  return [{ path: ["publish"], reason }];
}

/** What was made before stays what it is: the state pins the bytes of a disk as a program pins an image. */
export function sharingOf(publish: boolean, old: Remembered | undefined, context: CallContext): { readonly sharing?: DiskSharing } {
  if (!publish) return {};
  const { identity, digest } = old ?? {};
  const known = identity !== undefined && digest !== undefined && isDigest(digest) ? { known: { identity, digest } } : {};
  return { sharing: { ...known, onWarning: (text) => context.report.warn(text) } };
}

/** Who pushed it once stays the one, whatever finds it there later. */
export function artifactOf({ artifact }: CachedDisk, old: Remembered | undefined): { readonly artifact?: Artifact } {
  if (artifact === undefined) return {};
  const ref = formatImageReference(artifact.reference);
  const before = old?.artifact?.ref === ref && old.artifact.pushed;
  return { artifact: { ref, pushed: artifact.pushedHere || before } };
}

/** The artifact goes with the files, where this resource pushed it: others may use one that they pushed. */
export async function removeArtifact(disks: Disks, { artifact }: Remembered, context: CallContext): Promise<void> {
  if (artifact?.pushed !== true) return;
  const reference = parseImageReference(artifact.ref);
  if (reference === undefined || !isPinned(reference)) return;
  try {
    await disks.unpublish(reference, context.signal);
  } catch (thrown) {
    // Many registries allow no deletes, and a disk that stays there harms nobody.
    if (!(thrown instanceof Failure) || thrown.code !== "refused") throw thrown;
    context.report.warn(`${thrown.message} The published disk stays there.`);
  }
}

/** `nobody`: not there, or nothing that could be used. */
export type Plan = PublishedDisk | "nobody" | "unsure";

const lookupSeconds = 2;

export async function planPublish(disks: Disks, request: Pick<DiskRequest, "image" | "options">, context: CallContext): Promise<Plan> {
  try {
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(lookupSeconds * 1000)]);
    return (await disks.published({ ...request, signal })) ?? "nobody";
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.kind === "bug" || context.signal.aborted) throw thrown;
    if (thrown.code === "broken-artifact" || thrown.code === "broken-manifest") return "nobody";
    const why = thrown.code === "cancelled" ? `the registry did not answer within ${lookupSeconds} s.` : thrown.message;
    context.report.warn(`whether the disk is published already is not known: ${why}`);
    return "unsure";
  }
}

/** The plan in words; nothing is said of what is not known. */
export function planText(plan: Plan, repository: ImageReference): string | undefined {
  if (plan === "unsure") return undefined;
  const name = formatImageReference({ registry: repository.registry, repository: repository.repository });
  if (plan === "nobody") return `makes the disk, and publishes it in ${name}`;
  const packedBytes = plan.chunks.reduce((sum, { blob }) => sum + blob.sizeBytes, 0);
  return `fetches the disk from ${name}: ${formatByteSize(packedBytes)}, unless it is in the cache`;
}
