/** The build context of an Image: when it can be read, and what it may not do while the image is built. */
import { Failure } from "../failure.ts";
import type { CheckedFields } from "../spec/handlers.ts";
import { isKnown } from "../spec/known.ts";
import type { ImageArgs } from "./image-spec.ts";
import type { BuildContexts, ContextReading } from "./ports.ts";

/** All that a reading depends on; while one of them is unknown, so is the hash. */
const readInputs = ["context", "containerfile", "buildArgs", "target", "platforms"] as const;
type ReadInputs = Pick<ImageArgs, (typeof readInputs)[number]>;

export function isReadable(args: CheckedFields<ReadInputs>): args is ReadInputs {
  return readInputs.every((name) => isKnown(args[name]));
}

export function readContext(contexts: BuildContexts, args: ReadInputs, signal: AbortSignal): Promise<ContextReading> {
  const { context, containerfile, buildArgs, target, platforms } = args;
  return contexts.read({
    context,
    ...(containerfile === undefined ? {} : { containerfile }),
    buildArgs,
    ...(target === undefined ? {} : { target }),
    platforms,
    signal,
  });
}

/** The keys whose values differ, sorted. */
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
