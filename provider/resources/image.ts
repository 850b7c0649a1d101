/** The Image resource: what it decides. Its parts lie beside it: what it is, Check, the preview's words, the build, what is stored. */
import { inTag } from "../model/input-hash.ts";
import type { CheckedFields } from "../spec/handlers.ts";
import { known } from "../spec/known.ts";
import { resourceSpec, serve } from "../spec/resource.ts";
import type { Change, ServedResource } from "../spec/served.ts";
import { Bases } from "./image-bases.ts";
import { ensureImage, type ImagePorts } from "./image-build.ts";
import { checkImage } from "./image-check.ts";
import { knownPlace, placeOf, type Place } from "./image-place.ts";
import { previewImage } from "./image-preview.ts";
import { imageDescription, imageInputs, imageOutputs, imageToken, type ImageArgs, type ImageState } from "./image-spec.ts";
import { readImage, removeImage } from "./image-stored.ts";
import type { ContextReading } from "./ports.ts";

export const imageSpec = resourceSpec({ token: imageToken, description: imageDescription, inputs: imageInputs, outputs: imageOutputs });

/** What this run's program wants of one resource. */
interface Planned {
  readonly reading: ContextReading | undefined;
  /** Where the image is or will be; absent while that is not known. */
  readonly at: Place | undefined;
}

export function image(ports: ImagePorts): ServedResource {
  const planned = new Map<string, Planned>();
  const bases = new Bases(ports.images);
  return serve(imageSpec, {
    check: async (request) => {
      const { urn, name } = request.context;
      const { reading, ...answer } = await checkImage(ports.contexts, bases, request);
      planned.set(urn, { reading, at: placeOf({ ...request.args, ...answer.derived }, { name }) });
      return answer;
    },
    diff: diffImage,
    preview: (request) => previewImage(ports, request, planned.get(request.context.urn)?.reading),
    ensure: async ({ args, old, secretTexts, context }) => {
      const at = knownPlace(args, { name: context.name, state: old?.state });
      const reading = planned.get(context.urn)?.reading;
      planned.set(context.urn, { reading, at });
      bases.forget();
      return ensureImage(ports, { args, at, old: old?.state, context, planned: reading, secretTexts });
    },
    read: (request) => readImage(ports, request),
    remove: (request) => removeImage(ports, request, planned.get(request.context.urn)?.at),
  });
}

interface Sides {
  readonly old: CheckedFields<ImageArgs>;
  readonly args: CheckedFields<ImageArgs>;
  readonly state: ImageState;
  readonly derived: readonly Change[];
}

/** Only `inputHash` decides: `sources` and `bases` join when it changed, so that ignoring the hash ignores the build. */
function diffImage({ old, args, state, derived }: Sides): readonly Change[] {
  const rebuilt = derived.some(({ path }) => path[0] === "inputHash") && !adopts(old, args, state);
  const others = derived.filter(({ path }) => path[0] !== "inputHash" && path[0] !== "sources" && path[0] !== "bases");
  const changes = rebuilt ? derived : others;
  return changes.some(({ path }) => path[0] === "tags") ? changes : [...changes, ...tagsToMove(args.tags, state)];
}

/** An imported image has no hash yet; the tag that it was imported by says whether these are its inputs. */
function adopts(old: { readonly inputHash?: unknown }, args: { readonly inputHash: unknown }, state: ImageState): boolean {
  return old.inputHash === undefined && typeof args.inputHash === "string" && state.inputTag === inTag(args.inputHash);
}

/** A run that could not move all tags says so in its outputs, which a refresh keeps. */
function tagsToMove(wanted: CheckedFields<ImageArgs>["tags"], state: ImageState): readonly Change[] {
  const missing = known<readonly string[]>(wanted)?.some((tag) => state.tags?.includes(tag) === false) ?? false;
  return missing ? [{ path: ["tags"], kind: "update", inputDiff: false }] : [];
}
