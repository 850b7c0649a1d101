/** The Image resource: what it decides. `image-spec.ts` says what it is, `image-build.ts` brings it into being. */
import { describeFailure, Failure } from "../failure.ts";
import type { ImageReference } from "../model/image-reference.ts";
import { inTag, inputHash, schemeOf } from "../model/input-hash.ts";
import type { CheckedFields } from "../spec/handlers.ts";
import { isKnown, known } from "../spec/known.ts";
import { resourceSpec, serve, type HandlersOf } from "../spec/resource.ts";
import type { CallContext, Change, CheckFailure, ServedResource } from "../spec/served.ts";
import { unknown, type Unknown } from "../spec/value.ts";
import { buildImage, describeImage, type ImagePorts } from "./image-build.ts";
import { lockBases, lookUp, repositoryOf } from "./image-inputs.ts";
import {
  imageDescription,
  imageInputs,
  imageOutputs,
  imageToken,
  type GivenImageArgs,
  type ImageArgs,
  type ImageState,
} from "./image-spec.ts";
import { readImage, removeImage } from "./image-stored.ts";
import { explainBuild } from "./image-words.ts";
import type { ContextReading } from "./ports.ts";

export const imageSpec = resourceSpec({ token: imageToken, description: imageDescription, inputs: imageInputs, outputs: imageOutputs });

type Handlers = HandlersOf<typeof imageInputs, typeof imageOutputs>;
type Given = CheckedFields<GivenImageArgs>;
type Derived = { readonly [Name in "inputHash" | "sources" | "bases"]?: CheckedFields<ImageArgs>[Name] };

/** All that the context's reading depends on; while one of them is unknown, so is the hash. */
const readInputs = ["context", "containerfile", "buildArgs", "target", "platforms"] as const;

export function image(ports: ImagePorts): ServedResource {
  const planned = new Map<string, Planned>();
  return serve(imageSpec, {
    check: (request) => checkImage(ports, planned, request),
    diff: ({ old, args, state, derived }) => (adopts(old, args, state) ? withoutDerived(derived) : decidingChanges(derived)),
    preview: (request) => previewImage(ports, request),
    ensure: async ({ args, context }) => {
      const reading = planned.get(context.urn)?.reading;
      planned.set(context.urn, { reading, at: placeOf(args, context) });
      return { state: await buildImage(ports, { args, context, planned: reading }) };
    },
    read: (request) => readImage(ports, request),
    remove: (request) => removeImage(ports, request, planned.get(request.context.urn)?.at),
  });
}

/** What this run's program wants of one resource. */
interface Planned {
  readonly reading: ContextReading | undefined;
  /** Where the image is or will be; absent while that is not known. */
  readonly at: Place | undefined;
}

type Place = ImageReference & { readonly tag: string };

/** The `in-` tag in its repository; undefined while one of them is not known. */
function placeOf(args: Pick<CheckedFields<ImageArgs>, "repository"> & Derived, context: CallContext): Place | undefined {
  const hash = known<string>(args.inputHash);
  if (hash === undefined || !isKnown(args.repository)) return undefined;
  return { ...repositoryOf(known<string>(args.repository), context.name), tag: inTag(hash) };
}

async function checkImage(
  ports: ImagePorts,
  planned: Map<string, Planned>,
  request: Parameters<NonNullable<Handlers["check"]>>[0],
): ReturnType<NonNullable<Handlers["check"]>> {
  const { args, context } = request;
  if (!readInputs.every((name) => isKnown(args[name]))) return { derived: unknownInputs(args) };
  try {
    const given = args as GivenImageArgs;
    const reading = await ports.contexts.read(contextRequest(given, context));
    const derived = await deriveInputs(ports, reading, request);
    planned.set(context.urn, { reading, at: placeOf({ ...args, ...derived }, context) });
    return { derived };
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.kind === "input") return { derived: unknownInputs(args), failures: [asCheckFailure(thrown)] };
    throw thrown;
  }
}

/** Pulumi prints the property before the reason, so the reason starts on a line of its own. */
function asCheckFailure(failure: Failure): CheckFailure {
  return { path: ["context"], reason: describeFailure(failure) };
}

function unknownInputs(args: Given): Derived {
  return {
    ...(args.inputHash === undefined ? { inputHash: unknown } : {}),
    ...(args.sources === undefined ? { sources: unknown } : {}),
    ...(args.bases === undefined ? { bases: unknown } : {}),
  };
}

function contextRequest(
  args: Pick<ImageArgs, (typeof readInputs)[number]>,
  context: CallContext,
): Parameters<ImagePorts["contexts"]["read"]>[0] {
  const { containerfile, target } = args;
  return {
    context: args.context,
    ...(containerfile === undefined ? {} : { containerfile }),
    buildArgs: args.buildArgs,
    ...(target === undefined ? {} : { target }),
    platforms: args.platforms,
    signal: context.signal,
  };
}

async function deriveInputs(
  ports: ImagePorts,
  reading: ContextReading,
  request: Parameters<NonNullable<Handlers["check"]>>[0],
): Promise<Derived> {
  const { args, old, context } = request;
  const oldBases = known<Readonly<Record<string, string>>>(old?.bases);
  const derivedBases = async (): Promise<Record<string, string>> =>
    lockBases({
      references: reading.baseReferences,
      locked: oldBases ?? {},
      updates: known(args.baseUpdates) ?? "ignore",
      images: ports.images,
      signal: context.signal,
      warn: (text) => context.report.warn(text),
    });
  const sources = args.sources ?? reading.sources;
  const bases = args.bases ?? (await derivedBases());
  return {
    sources,
    bases,
    ...(args.inputHash === undefined ? { inputHash: hashOf(args, { reading, sources, bases, old: known(old?.inputHash) }) } : {}),
  };
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

/** Only `inputHash` decides: `sources` and `bases` join when it changed, so that ignoring the hash ignores the build. */
export function decidingChanges(derived: readonly Change[]): readonly Change[] {
  const rebuilt = derived.some(({ path }) => path[0] === "inputHash");
  return rebuilt ? derived : derived.filter(({ path }) => path[0] !== "sources" && path[0] !== "bases");
}

function withoutDerived(changes: readonly Change[]): readonly Change[] {
  return changes.filter(({ path }) => path[0] !== "inputHash" && path[0] !== "sources" && path[0] !== "bases");
}

/** An imported image has no hash yet; the tag that it was imported by says whether these are its inputs. */
function adopts(old: { readonly inputHash?: unknown }, args: { readonly inputHash: unknown }, state: ImageState): boolean {
  return old.inputHash === undefined && typeof args.inputHash === "string" && state.inputTag === inTag(args.inputHash);
}

async function previewImage(
  ports: ImagePorts,
  { args, old, context }: Parameters<Handlers["preview"]>[0],
): ReturnType<Handlers["preview"]> {
  const nothing = {
    ref: unknown,
    digest: unknown,
    platformDigests: unknown,
    createdAt: unknown,
    sizeBytes: unknown,
    inputTag: unknown,
    instructions: unknown,
  };
  const at = placeOf(args, context);
  if (at === undefined) return nothing;
  const reading = readInputs.every((name) => isKnown(args[name]))
    ? await ports.contexts.read(contextRequest(args as ImageArgs, context))
    : undefined;
  const found = await lookUp(ports.images, at, context.signal);
  const text = explainBuild({ old, args, reading, at, found });
  if (text !== undefined) context.report.info(text);
  if (found.digest === undefined)
    return { ...nothing, inputTag: at.tag, ...(reading === undefined ? {} : { instructions: reading.instructions }) };
  const reference = { registry: at.registry, repository: at.repository, digest: found.digest };
  const state = await describeImage(ports, { reference, inputTag: at.tag, instructions: reading?.instructions ?? [] }, context.signal);
  return state ?? nothing;
}
