/** References to images: `registry/repository[:tag][@digest]`, and `local/name@digest` for the local store. */
import { isDigest, type Digest } from "./digest.ts";

export interface ImageReference {
  /** `host[:port]`, or `local` for the local store. */
  readonly registry: string;
  /** Path inside the registry, without leading slash: `team/os`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** The registry name that means the OCI layout on this computer. */
export const localRegistry = "local";

const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const pathPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const hostPattern = /^(?:localhost|local|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9.-]+:[0-9]+|\[[0-9a-fA-F:]+\](?::[0-9]+)?)$/;

const referencePattern = /^(?<registry>[^/@]+)\/(?<repository>[^:@]+)(?::(?<tag>[^:@]+))?(?:@(?<digest>.+))?$/;

/** Undefined when the text is not a full reference; a reference without a registry is refused, since what it means depends on the machine. */
export function parseImageReference(text: string): ImageReference | undefined {
  const { registry, repository, tag, digest } = referencePattern.exec(text)?.groups ?? {};
  if (registry === undefined || repository === undefined) return undefined;
  if (!hostPattern.test(registry) || !pathPattern.test(repository)) return undefined;
  if (tag !== undefined && !tagPattern.test(tag)) return undefined;
  if (digest === undefined) return { registry, repository, ...(tag === undefined ? {} : { tag }) };
  return isDigest(digest) ? { registry, repository, ...(tag === undefined ? {} : { tag }), digest } : undefined;
}

export function formatImageReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/** A reference that can mean only one image: `repository@sha256:digest`. */
export type PinnedReference = ImageReference & { readonly digest: Digest };

export function isPinned(reference: ImageReference): reference is PinnedReference {
  return reference.digest !== undefined;
}
