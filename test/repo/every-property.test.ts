import { expect, test } from "vitest";
import { resources } from "../../provider/schema.ts";
import { diffInputs } from "../../provider/spec/diff.ts";
import type { ResourceSpec } from "../../provider/spec/resource.ts";
import { formatPath } from "../../provider/spec/value.ts";
import { spec as sample } from "../spec/sample.ts";
import { singleChanges } from "../spec/single-changes.ts";

const specs: readonly ResourceSpec[] = [sample, ...resources];
const cases = specs.flatMap((spec) => singleChanges(spec.inputs).map((change) => ({ spec, token: spec.token, ...change })));

test.each(cases)("$token: a change of $path shows in the diff unless the spec ignores it", ({ spec, path, decided, before, after }) => {
  const ignored = decided || spec.inputs[Object.keys(after)[0] ?? ""]?.onChange === "ignore";
  expect(diffInputs(spec.inputs, before, after).map((change) => formatPath(change.path))).toEqual(ignored ? [] : [path]);
});
