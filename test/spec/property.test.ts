import { expect, expectTypeOf, test } from "vitest";
import { integer, isRequired, list, map, object, oneOf, string, type ArgsOf, type GivenOf } from "../../provider/spec/property.ts";
import { integerOrString } from "../../provider/spec/property.ts";
import { resourceSpec } from "../../provider/spec/resource.ts";

const volume = object("Volume", "A volume.", {
  name: { type: string(), description: "Name." },
  size: { type: integer(), optional: true, description: "Size." },
});

const spec = resourceSpec({
  token: "bootable:test:Typed",
  description: "Typed.",
  inputs: {
    required: { type: string(), description: "a" },
    defaulted: { type: oneOf(["x", "y"]), default: "x", description: "b" },
    optional: { type: integer(), optional: true, description: "c" },
    derived: { type: map(string()), derived: true, description: "d" },
    derivedOptional: { type: list(volume), derived: true, optional: true, description: "e" },
    share: { type: integerOrString(() => undefined), description: "f" },
  },
  outputs: {},
});

interface Volume {
  readonly name: string;
  readonly size?: number;
}

test("types of arguments follow from the spec", () => {
  expectTypeOf<ArgsOf<typeof spec.inputs>>().toEqualTypeOf<{
    readonly required: string;
    readonly defaulted: "x" | "y";
    readonly derived: Readonly<Record<string, string>>;
    readonly share: number | string;
    readonly optional?: number;
    readonly derivedOptional?: readonly Volume[];
  }>();
  expectTypeOf<GivenOf<typeof spec.inputs>["derived"]>().toEqualTypeOf<Readonly<Record<string, string>> | undefined>();
  expectTypeOf<GivenOf<typeof spec.inputs>["defaulted"]>().toEqualTypeOf<"x" | "y">();
  expect(Object.keys(spec.inputs).filter((name) => isRequired(spec.inputs[name as keyof typeof spec.inputs]))).toEqual([
    "required",
    "share",
  ]);
});

test("a property that may not change must say what to do instead", () => {
  const parts = { token: "bootable:test:Refusing", description: "Refusing.", outputs: {} };
  // @ts-expect-error `instead` is missing
  const refusing = resourceSpec({ ...parts, inputs: { a: { type: string(), description: "a", onChange: "refuse" } } });
  // @ts-expect-error `description` is missing
  const silent = resourceSpec({ ...parts, inputs: { a: { type: string() } } });
  expect([refusing.stateVersion, silent.refreshBeforeUpdate]).toEqual([1, false]);
});
