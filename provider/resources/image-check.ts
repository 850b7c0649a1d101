/** What Check computes of an Image: `sources`, `bases` and the `inputHash` that decides whether it is built again. */
import { describeFailure, Failure } from "../failure.ts";
import { isPinned, parseImageReference } from "../model/image-reference.ts";
import { inputHash, schemeOf } from "../model/input-hash.ts";
import type { CheckedFields } from "../spec/handlers.ts";
import { known } from "../spec/known.ts";
import type { HandlersOf } from "../spec/resource.ts";
import type { CheckFailure } from "../spec/served.ts";
import { unknown, type Unknown } from "../spec/value.ts";
import type { Bases } from "./image-bases.ts";
import { isReadable, readContext } from "./image-context.ts";
import type { GivenImageArgs, ImageArgs, imageInputs, imageOutputs } from "./image-spec.ts";
import type { BuildContexts, ContextReading } from "./ports.ts";

type Request = Parameters<NonNullable<HandlersOf<typeof imageInputs, typeof imageOutputs>["check"]>>[0];
type Given = CheckedFields<GivenImageArgs>;
type Derived = { readonly [Name in "inputHash" | "sources" | "bases"]?: CheckedFields<ImageArgs>[Name] };

export interface CheckedImage {
  readonly derived: Derived;
  readonly failures: readonly CheckFailure[];
  /** Absent while the context is not known. */
  readonly reading?: ContextReading;
}

export async function checkImage(contexts: BuildContexts, bases: Bases, request: Request): Promise<CheckedImage> {
  const { args, context } = request;
  if (!isReadable(args)) return { derived: unknownInputs(args), failures: [] };
  try {
    const reading = await readContext(contexts, args, context.signal);
    const failures = unlockedBases(args.bases, reading);
    return { derived: await deriveInputs(bases, reading, request), failures, reading };
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.kind === "input") return { derived: unknownInputs(args), failures: [asCheckFailure(thrown)] };
    throw thrown;
  }
}

/** No property: Pulumi would print its value, and it is what lies behind it that is wrong. */
function asCheckFailure(failure: Failure): CheckFailure {
  return { path: [], reason: describeFailure(failure) };
}

function unknownInputs(args: Given): Derived {
  return {
    ...(args.inputHash === undefined ? { inputHash: unknown } : {}),
    ...(args.sources === undefined ? { sources: unknown } : {}),
    ...(args.bases === undefined ? { bases: unknown } : {}),
  };
}

/** Who sets `bases` sets all of them: one that is left out would be whatever its tag means that day. */
function unlockedBases(given: Given["bases"], { baseReferences }: ContextReading): readonly CheckFailure[] {
  const bases = known<ImageArgs["bases"]>(given);
  if (bases === undefined) return [];
  const missing = baseReferences.filter((text) => !Object.hasOwn(bases, text) && !isLocked(text));
  return missing.map((text) => ({
    path: ["bases"],
    reason: `has no digest for "${text}"; add one, or leave bases out to have all of them locked`,
  }));
}

function isLocked(text: string): boolean {
  const reference = parseImageReference(text);
  return reference !== undefined && isPinned(reference);
}

async function deriveInputs(bases: Bases, reading: ContextReading, { args, old, context }: Request): Promise<Derived> {
  const derivedBases = (): Promise<Record<string, string>> =>
    bases.lock({
      references: reading.baseReferences,
      locked: known<Readonly<Record<string, string>>>(old?.bases) ?? {},
      updates: known(args.baseUpdates) ?? "ignore",
      signal: context.signal,
      warn: (text) => context.report.warn(text),
    });
  const final = { sources: args.sources ?? reading.sources, bases: args.bases ?? (await derivedBases()) };
  if (args.inputHash !== undefined) return final;
  return { ...final, inputHash: hashOf(args, { reading, ...final, old: known(old?.inputHash) }) };
}

interface HashParts {
  readonly reading: ContextReading;
  readonly sources: Given["sources"];
  readonly bases: Given["bases"];
  readonly old: string | undefined;
}

/** By the scheme of the old inputs: an upgrade of the provider rebuilds nothing. */
function hashOf(args: Given, parts: HashParts): string | Unknown {
  const sources = known<ImageArgs["sources"]>(parts.sources);
  const bases = known<ImageArgs["bases"]>(parts.bases);
  const labels = known<ImageArgs["labels"]>(args.labels);
  const secretNames = args.secrets === unknown ? undefined : Object.keys(args.secrets);
  if (sources === undefined || bases === undefined || labels === undefined || secretNames === undefined) return unknown;
  const { buildArgs, target, platforms } = args as GivenImageArgs;
  const scheme = parts.old === undefined ? undefined : schemeOf(parts.old);
  const containerfileText = parts.reading.containerfileText;
  return inputHash(
    { sources, bases, labels, secretNames, containerfileText, buildArgs, platforms, ...(target === undefined ? {} : { target }) },
    scheme,
  );
}
