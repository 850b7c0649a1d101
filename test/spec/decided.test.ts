import { expect, test } from "vitest";
import { addDerived } from "../../provider/spec/derived.ts";
import { diffInputs } from "../../provider/spec/diff.ts";
import { object, string, type Inputs } from "../../provider/spec/property.ts";
import { formatPath, Secret, unknown, type ValueMap } from "../../provider/spec/value.ts";

const disk = object("Disk", "A disk.", {
  size: { type: string(), optional: true, description: "Its size." },
  loader: { type: string(), optional: true, decidedBy: "digest", description: "A path." },
  digest: { type: string(), optional: true, description: "Of the file there." },
});
const inputs: Inputs = { disk: { type: disk, default: {}, description: "The disk." } };
const spec = { token: "bootable:index:Sample", inputs };

test("a path that differs is no change, and its digest is one", () => {
  const paths = (old: ValueMap, now: ValueMap): string[] =>
    diffInputs(inputs, { disk: old }, { disk: now }).map(({ kind, path }) => `${kind} ${formatPath(path)}`);
  expect(paths({ loader: "/home/a/x.efi", digest: "1" }, { loader: "/home/b/x.efi", digest: "1" })).toEqual([]);
  expect(paths({ loader: "x.efi", digest: "1" }, { loader: "x.efi", digest: "2" })).toEqual(["update disk.digest"]);
  expect(paths({}, { loader: "x.efi", digest: "1" })).toEqual(["add disk.digest"]);
});

interface Case {
  readonly what: string;
  readonly checked: ValueMap;
  readonly answered: object;
  readonly expected: ValueMap;
}

const answered = { disk: { digest: "1" } };
const cases: readonly Case[] = [
  { what: "is added", checked: { disk: { loader: "x" } }, answered, expected: { disk: { loader: "x", digest: "1" } } },
  {
    what: "stays as the user set it",
    checked: { disk: { loader: "x", digest: "2" } },
    answered,
    expected: { disk: { loader: "x", digest: "2" } },
  },
  {
    what: "is unknown with its path",
    checked: { disk: { loader: unknown } },
    answered: { disk: { digest: unknown } },
    expected: { disk: { loader: unknown, digest: unknown } },
  },
  {
    what: "is added inside a secret",
    checked: { disk: new Secret({ size: "1" }) },
    answered,
    expected: { disk: new Secret({ size: "1", digest: "1" }) },
  },
  { what: "is not added to what is not known", checked: { disk: unknown }, answered, expected: { disk: unknown } },
  { what: "is left out", checked: { disk: { size: "1" } }, answered: {}, expected: { disk: { size: "1" } } },
  {
    what: "comes without anything else",
    checked: { disk: {} },
    answered: { disk: { size: "9", digest: "1" } },
    expected: { disk: { digest: "1" } },
  },
];

test.each(cases)("a deciding field $what", ({ checked, answered, expected }) => {
  expect(addDerived(spec, checked, answered)).toEqual(expected);
});
