/** What changed between two readings of a context, in the few words that a preview has room for. */
import { compareBytewise } from "./bytewise.ts";
import type { InstructionHash } from "./instruction-hash.ts";

export interface SourceView {
  readonly sources: Readonly<Record<string, string>>;
  readonly instructions: readonly InstructionHash[];
}

interface Change {
  readonly what: string;
  readonly verb: "changed" | "added" | "removed";
}

const named = 3;

/**
 * `Containerfile line 7 (RUN), www/index.html changed`: instructions first, then files, three in all; one text per verb.
 * Empty when nothing changed. `containerfile` is the key that stands for its instructions.
 */
export function describeSourceChanges(before: SourceView, after: SourceView, containerfile: string): readonly string[] {
  const keys = [...new Set([...Object.keys(before.sources), ...Object.keys(after.sources)])].toSorted(compareBytewise);
  const different = keys.filter((key) => before.sources[key] !== after.sources[key]);
  const changes = different.map((key) => ({ what: key, verb: verbOf(before.sources[key], after.sources[key]) }));
  const itself = changes.find(({ what }) => what === containerfile);
  const others = changes.filter((change) => change !== itself);
  return listChanges([...(itself === undefined ? [] : instructionChanges(before, after, itself)), ...others]);
}

function verbOf(before: string | undefined, after: string | undefined): Change["verb"] {
  if (before === undefined) return "added";
  return after === undefined ? "removed" : "changed";
}

/** The Containerfile by its instructions, unless it is only comments that changed, or the old ones are not known. */
function instructionChanges(before: SourceView, after: SourceView, itself: Change): readonly Change[] {
  if (itself.verb !== "changed" || before.instructions.length === 0 || after.instructions.length === 0) return [itself];
  const { removed, added } = differences(before.instructions, after.instructions);
  const changes: (Change & { readonly line: number })[] = added.map(({ line, keyword, gap }) => {
    const replaced = removed.findIndex((old) => old.gap === gap && old.keyword === keyword);
    if (replaced !== -1) removed.splice(replaced, 1);
    return { what: `${itself.what} line ${line} (${keyword})`, verb: replaced === -1 ? "added" : "changed", line };
  });
  for (const { line, keyword } of removed)
    changes.push({ what: `${itself.what}'s former line ${line} (${keyword})`, verb: "removed", line });
  return changes.length === 0 ? [{ what: `comments in ${itself.what}`, verb: "changed" }] : changes.toSorted((a, b) => a.line - b.line);
}

/** An instruction that is on one side only; `gap` counts the common ones before it. */
type Lonely = InstructionHash & { readonly gap: number };

interface Differences {
  readonly removed: Lonely[];
  readonly added: Lonely[];
}

/** By a longest common subsequence of hashes, found from the end so that it can be read from the start. */
function differences(before: readonly InstructionHash[], after: readonly InstructionHash[]): Differences {
  const lengths = commonLengths(before, after);
  const result: Differences = { removed: [], added: [] };
  let [row, column, gap] = [0, 0, 0];
  while (row < before.length || column < after.length) {
    const [old, now] = [before[row], after[column]];
    if (old !== undefined && old.hash === now?.hash) {
      [row, column, gap] = [row + 1, column + 1, gap + 1];
    } else if (now === undefined || (old !== undefined && (lengths[row + 1]?.[column] ?? 0) >= (lengths[row]?.[column + 1] ?? 0))) {
      if (old !== undefined) result.removed.push({ ...old, gap });
      row++;
    } else {
      result.added.push({ ...now, gap });
      column++;
    }
  }
  return result;
}

function commonLengths(before: readonly InstructionHash[], after: readonly InstructionHash[]): readonly (readonly number[])[] {
  const lengths = Array.from({ length: before.length + 1 }, () => Array.from({ length: after.length + 1 }, () => 0));
  for (let row = before.length - 1; row >= 0; row--) {
    const [current, below] = [lengths[row] ?? [], lengths[row + 1] ?? []];
    for (let column = after.length - 1; column >= 0; column--) {
      const isCommon = before[row]?.hash === after[column]?.hash;
      current[column] = isCommon ? (below[column + 1] ?? 0) + 1 : Math.max(below[column] ?? 0, current[column + 1] ?? 0);
    }
  }
  return lengths;
}

function listChanges(changes: readonly Change[]): readonly string[] {
  const shown = changes.slice(0, named);
  const more = changes.length - shown.length;
  const verbs = [...new Set(shown.map(({ verb }) => verb))];
  const sameForAll = verbs.length === 1 && changes.every(({ verb }) => verb === verbs[0]);
  const texts = verbs.map((verb) => {
    const names = shown.filter((change) => change.verb === verb).map(({ what }) => what);
    return `${names.join(", ")}${more > 0 && sameForAll ? ` and ${more} more` : ""} ${verb}`;
  });
  return more > 0 && !sameForAll ? [...texts, `${more} more sources differ`] : texts;
}
