/** From a spec: for each property, and each field of the shapes in it, two sets of inputs that differ in nothing else. */
import type { Fields, Type } from "../../provider/spec/property.ts";
import { formatPath, type PropertyPath, type Value, type ValueMap } from "../../provider/spec/value.ts";

export interface SingleChange {
  /** As the engine writes it. */
  readonly path: string;
  /** Another property beside it says whether it changed. */
  readonly decided: boolean;
  readonly before: ValueMap;
  readonly after: ValueMap;
}

interface Step {
  readonly path: PropertyPath;
  readonly decided?: boolean;
  readonly before: Value;
  readonly after: Value;
}

export function singleChanges(fields: Fields): readonly SingleChange[] {
  return stepsOfFields(fields).map(({ path, decided = false, before, after }) => ({
    path: formatPath(path),
    decided,
    before: before as ValueMap,
    after: after as ValueMap,
  }));
}

function stepsOfFields(fields: Fields): readonly Step[] {
  return Object.entries(fields).flatMap(([name, { type, decidedBy }]) =>
    stepsOf(type).map(({ path, decided = decidedBy !== undefined, before, after }) => ({
      path: [name, ...path],
      decided,
      before: { [name]: before },
      after: { [name]: after },
    })),
  );
}

/** Rules of values do not matter: a diff takes what is stored. */
function stepsOf(type: Type): readonly Step[] {
  switch (type.kind) {
    case "string":
    case "oneOf":
      return [{ path: [], before: "one", after: "another" }];
    case "integer":
    case "number":
    case "integerOrString":
      return [{ path: [], before: 1, after: 2 }];
    case "boolean":
      return [{ path: [], before: true, after: false }];
    case "list":
      return stepsOf(type.item).map(({ path, before, after }) => ({ path: [0, ...path], before: [before], after: [after] }));
    case "map":
      return stepsOf(type.item).map(({ path, before, after }) => ({
        path: ["a/b", ...path],
        before: { "a/b": before },
        after: { "a/b": after },
      }));
    case "object":
      return stepsOfFields(type.fields);
  }
}
