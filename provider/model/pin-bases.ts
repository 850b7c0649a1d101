/** A Containerfile with its base images pinned: the text that is built, byte for byte the same but for the references. */
import { planBuild } from "./build-plan.ts";
import type { BuildInputs } from "./build-globals.ts";
import { parseContainerfile } from "./containerfile.ts";
import type { Range } from "./containerfile-lines.ts";

interface Edit extends Range {
  readonly text: string;
}

/**
 * Puts `name@sha256:…` for each reference that `bases` has a digest for, in FROM, COPY --from and RUN --mount=from.
 * A reference that differs by platform (`FROM base-${TARGETARCH}`) cannot be one digest: it stays as written.
 */
export function pinBases(containerfileText: string, bases: Readonly<Record<string, string>>, inputs: BuildInputs): string {
  const plan = planBuild(parseContainerfile(containerfileText), inputs);
  const references = new Map<number, Set<string>>();
  for (const { reference, ranges } of plan.bases) {
    const start = ranges[0]?.start ?? 0;
    references.set(start, (references.get(start) ?? new Set()).add(reference));
  }
  const edits = new Map<number, Edit>();
  for (const { reference, ranges } of plan.bases) {
    const digest = Object.hasOwn(bases, reference) ? bases[reference] : undefined;
    if (digest === undefined || references.get(ranges[0]?.start ?? 0)?.size !== 1) continue;
    // A reference that a continuation cuts in two is written at its start; the line break behind it stays.
    ranges.forEach((range, index) => edits.set(range.start, { ...range, text: index === 0 ? `${imageName(reference)}@${digest}` : "" }));
  }
  return applyEdits(containerfileText, [...edits.values()]);
}

/** Without tag and digest; a colon before the last slash is a port's. */
function imageName(reference: string): string {
  return reference.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  let result = "";
  let end = 0;
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    result += text.slice(end, edit.start) + edit.text;
    end = edit.end;
  }
  return result + text.slice(end);
}
