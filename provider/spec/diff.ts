/** The changes between the inputs of two runs, property by property, map entry by map entry. */
import { isDeepStrictEqual } from "node:util";
import { readFields } from "./check.ts";
import type { Fields, Inputs } from "./property.ts";
import type { Change, CheckFailure } from "./served.ts";
import { entryOf, holdsUnknown, isAbsent, isList, isMap } from "./tree.ts";
import { formatPath, Unknown, type PropertyPath, type Value, type ValueMap } from "./value.ts";
import { showValue } from "./words.ts";

/**
 * Both sides are read as this version reads stored values, so that a property that a newer version added is no change
 * while it has its default, and one that it dropped is none either. Whether a value is secret makes no difference.
 */
export function diffInputs(inputs: Inputs, old: ValueMap, now: ValueMap): readonly Change[] {
  const [before, after] = [withoutDecided(inputs, readFields(inputs, old)), withoutDecided(inputs, readFields(inputs, now))];
  return Object.keys(inputs)
    .filter((name) => inputs[name]?.onChange !== "ignore")
    .flatMap((name) => diffValue(entryOf(before, name), entryOf(after, name), [name]));
}

/** Without the fields of shapes for which another one beside them decides. */
function withoutDecided(fields: Fields, values: ValueMap): ValueMap {
  const entries = Object.entries(values).filter(([name]) => fields[name]?.decidedBy === undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => {
      const type = fields[name]?.type;
      return [name, type?.kind === "object" && isMap(value) ? withoutDecided(type.fields, value) : value];
    }),
  );
}

function diffValue(before: Value | undefined, after: Value | undefined, path: PropertyPath): readonly Change[] {
  if (before === undefined && after === undefined) return [];
  if (before === undefined) return [{ path, kind: "add", inputDiff: true }];
  if (after === undefined) return [{ path, kind: "delete", inputDiff: true }];
  if (isList(before) && isList(after)) return diffLists(before, after, path);
  if (isMap(before) && isMap(after)) return diffMaps(before, after, path);
  const same = !(before instanceof Unknown) && !(after instanceof Unknown) && isDeepStrictEqual(before, after);
  return same ? [] : [{ path, kind: "update", inputDiff: true }];
}

function diffLists(before: readonly Value[], after: readonly Value[], path: PropertyPath): readonly Change[] {
  const length = Math.max(before.length, after.length);
  return Array.from({ length }, (_, index) => diffValue(before[index], after[index], [...path, index])).flat();
}

function diffMaps(before: ValueMap, after: ValueMap, path: PropertyPath): readonly Change[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => diffValue(entryOf(before, key), entryOf(after, key), [...path, key]));
}

/** True for a change at or below one of the resource's `ignoreChanges` paths. */
export function isIgnored(change: Change, ignoreChanges: readonly string[]): boolean {
  return change.path.some((_, index) => ignoreChanges.includes(formatPath(change.path.slice(0, index + 1))));
}

/** One failure for each property that may not change and did. Unknown values stay silent. */
export function refusedChanges(inputs: Inputs, old: ValueMap, now: ValueMap): readonly CheckFailure[] {
  const [before, after] = [readFields(inputs, old), readFields(inputs, now)];
  return Object.entries(inputs).flatMap(([name, input]) => {
    const [was, is] = [entryOf(before, name), entryOf(after, name)];
    if (input.onChange !== "refuse" || (is !== undefined && holdsUnknown(is))) return [];
    // What Check always fills in and is not stored had no other value yet: it came after, or an import could not tell it.
    if (isAbsent(entryOf(old, name)) && (input.optional !== true || input.default !== undefined)) return [];
    if (diffValue(was, is, [name]).length === 0) return [];
    const shown = (stored: ValueMap, read: Value | undefined): string =>
      input.secret === true ? "[secret]" : showValue(entryOf(stored, name) ?? read);
    return [{ path: [name], reason: `cannot change from ${shown(old, was)} to ${shown(now, is)}; ${input.instead}` }];
  });
}
