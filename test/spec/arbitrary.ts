/** Random values that fit a type, with secrets and unknowns strewn in. */
import * as fc from "fast-check";
import type { Field, Fields, ObjectType, Type } from "../../provider/spec/property.ts";
import { Secret, unknown, type Value, type ValueMap } from "../../provider/spec/value.ts";

const key = fc.oneof(fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/), fc.constantFrom("constructor", "toString"));
const digest = `sha256:${"04da6b54".repeat(8)}`;
/** Between them they satisfy every rule on strings that a spec of the tests has. */
const texts = [
  "10GiB",
  "linux/amd64",
  "web-1",
  "ssh-ed25519 AAAA",
  "quiet",
  "",
  "ü \"'${x}",
  "04da6b54",
  digest,
  `registry.example.com/os@${digest}`,
];

export function fitting(type: Type): fc.Arbitrary<Value> {
  const plain = plainOf(type);
  const covered = plain.map((value) => new Secret(value));
  return fc.oneof({ arbitrary: plain, weight: 6 }, covered, fc.constantFrom<Value>(unknown, new Secret(unknown)));
}

/** All fields given, so that no default is added. */
export function fittingFields(fields: Fields): fc.Arbitrary<ValueMap> {
  return fc.record(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fittingField(field)])));
}

function fittingField(field: Field): fc.Arbitrary<Value> {
  return field.secret === true ? plainOf(field.type).map((value) => new Secret(value)) : fitting(field.type);
}

function plainOf(type: Type): fc.Arbitrary<Value> {
  switch (type.kind) {
    case "string":
      return fc.constantFrom(...texts.filter((text) => type.rule?.(text) === undefined));
    case "integer":
      return fc.integer({ min: 100, max: 65_535 });
    case "number":
      return fc.double({ min: 1, noNaN: true, noDefaultInfinity: true });
    case "boolean":
      return fc.boolean();
    case "integerOrString":
      return fc.constantFrom<Value>(1, 7, "20%");
    case "oneOf":
      return fc.constantFrom(...type.values);
    case "list":
      return fc.array(fitting(type.item), { maxLength: 3 });
    case "map":
      return fc.dictionary(type.keyRule === undefined ? key : fc.stringMatching(/^[a-z]{1,4}$/), fitting(type.item), { maxKeys: 3 });
    case "object":
      return plainObject(type);
  }
}

function plainObject(type: ObjectType): fc.Arbitrary<Value> {
  const all = fittingFields(type.fields);
  const alternatives = type.exactlyOne ?? [];
  if (alternatives.length === 0) return all;
  const choose = fc.constantFrom(...alternatives);
  return fc
    .tuple(all, choose)
    .map(([value, chosen]) =>
      Object.fromEntries(Object.entries(value).filter(([name]) => name === chosen || !alternatives.includes(name))),
    );
}
