/** What a preview says of an Image: what changed, and whether that means a build. */
import type { Failure } from "../failure.ts";
import { shortDigest } from "../model/digest.ts";
import { describeSourceChanges } from "../model/source-changes.ts";
import type { CheckedFields, Previous } from "../spec/handlers.ts";
import { isKnown, known } from "../spec/known.ts";
import { changedKeys } from "./image-context.ts";
import type { Place } from "./image-place.ts";
import type { ImageArgs, ImageState } from "./image-spec.ts";
import type { ContextReading } from "./ports.ts";

export interface Lookup {
  readonly digest: string | undefined;
  /** Why nobody knows, when the registry could not tell. */
  readonly unsure?: Failure | undefined;
}

export interface Explanation {
  readonly args: CheckedFields<ImageArgs>;
  readonly old: Previous<CheckedFields<ImageArgs>, ImageState> | undefined;
  /** Absent while the context is not known. */
  readonly reading: ContextReading | undefined;
  /** The `in-` tag in its repository. */
  readonly at: Place;
  readonly found: Lookup;
}

const named = 3;

/** What changed, and what follows from it. */
export function explainBuild(explanation: Explanation): string {
  const { old } = explanation;
  const reasons = old === undefined ? [] : reasonsFor(old, explanation);
  const outcome = outcomeOf(explanation);
  return reasons.length === 0 ? outcome : `${reasons.join("; ")}: ${outcome}`;
}

function outcomeOf({ old, args, found, at }: Explanation): string {
  const short = at.tag.slice(0, "in-".length + 8);
  if (found.digest === undefined) {
    return found.unsure === undefined
      ? "will be built"
      : `will be built unless it is found under ${short}… by then (${found.unsure.message})`;
  }
  const tags = (known<ImageArgs["tags"]>(args.tags) ?? []).filter(
    (tag) => old?.state.tags?.includes(tag) !== true || old.state.digest !== found.digest,
  );
  const moved = tags.length === 0 ? "" : `, ${tags.length === 1 ? "tag" : "tags"} ${listed(tags)} will point at it`;
  if (old?.state.digest === found.digest) return `stays ${shortDigest(found.digest)}${moved}`;
  return `found as ${shortDigest(found.digest)} under ${short}…, nothing to build${moved}`;
}

function reasonsFor(old: Previous<CheckedFields<ImageArgs>, ImageState>, { args, reading }: Explanation): readonly string[] {
  if (!Object.hasOwn(old.args, "inputHash")) return ["imported, so what it was built from is not known"];
  const reasons = [
    ...filesThatChanged(old, args, reading),
    ...basesThatMoved(old.args.bases, args.bases),
    ...(["buildArgs", "labels", "secrets"] as const).flatMap((name) => entriesThatChanged(name, old.args[name], args[name])),
    ...(["target", "platforms", "repository"] as const).flatMap((name) => (same(old.args[name], args[name]) ? [] : [`${name} changed`])),
  ];
  // A user may set the hash to any text.
  return reasons.length === 0 && !same(old.args.inputHash, args.inputHash) ? ["inputHash changed"] : reasons;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function plainMap(value: unknown): Readonly<Record<string, string>> {
  return isKnown(value) ? ((value ?? {}) as Readonly<Record<string, string>>) : {};
}

function filesThatChanged(
  old: Previous<CheckedFields<ImageArgs>, ImageState>,
  args: CheckedFields<ImageArgs>,
  reading: ContextReading | undefined,
): readonly string[] {
  if (!isKnown(old.args.sources) || !isKnown(args.sources)) return [];
  const before = { sources: plainMap(old.args.sources), instructions: old.state.instructions };
  const after = { sources: plainMap(args.sources), instructions: reading?.instructions ?? [] };
  return describeSourceChanges(before, after, reading?.containerfile ?? "");
}

function basesThatMoved(before: unknown, after: unknown): readonly string[] {
  const [old, now] = [plainMap(before), plainMap(after)];
  return changedKeys(old, now).map((base) => {
    const [from, to] = [old[base], now[base]];
    if (from === undefined) return `base ${base} is new`;
    return to === undefined ? `base ${base} is gone` : `base ${base} moved from ${shortDigest(from)} to ${shortDigest(to)}`;
  });
}

/** Names only: a value may be a secret. Of secrets only the names count at all. */
function entriesThatChanged(property: "buildArgs" | "labels" | "secrets", before: unknown, after: unknown): readonly string[] {
  const [old, now] = [plainMap(before), plainMap(after)];
  const keys = changedKeys(old, now).filter((key) => property !== "secrets" || !(key in old && key in now));
  return keys.length === 0 ? [] : [`${property} ${listed(keys)} changed`];
}

function listed(words: readonly string[]): string {
  const rest = words.length - named;
  return rest > 0 ? `${words.slice(0, named).join(", ")} and ${rest} more` : words.join(", ");
}
