import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { formatSchema, packageSchema } from "../../provider/schema.ts";

interface Shape {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, { readonly description?: string }>>;
  readonly inputProperties?: Shape["properties"];
  readonly inputs?: Shape;
  readonly outputs?: Shape;
}

interface Schema {
  readonly types: Readonly<Record<string, Shape>>;
  readonly resources: Readonly<Record<string, Shape>>;
  readonly functions: Readonly<Record<string, Shape>>;
  readonly provider: Shape;
}

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

const { version } = JSON.parse(read("package.json")) as { version: string };
const schema = packageSchema(version) as unknown as Schema;
const shapes = [
  ...[schema.types, schema.resources, schema.functions].flatMap((group) => Object.entries(group)),
  ["provider", schema.provider] as const,
];

test("schema.json is what the specs say; npm run schema writes it", () => {
  expect(read("schema.json")).toBe(formatSchema(packageSchema(version)));
});

test("everything is described, in sentences", () => {
  const texts = shapes.flatMap(([token, shape]) => [[token, shape.description] as const, ...propertyTexts(token, shape)]);
  expect(texts.filter(([, text]) => text === undefined || !/^[A-Z0-9`].*[.]$/s.test(text))).toEqual([]);
});

function propertyTexts(token: string, shape: Shape): readonly (readonly [string, string | undefined])[] {
  const groups = [shape.properties, shape.inputProperties, shape.inputs?.properties, shape.outputs?.properties];
  return groups.flatMap((group) =>
    Object.entries(group ?? {}).map(([name, { description }]) => [`${token} ${name}`, description] as const),
  );
}

test("no output is named id or urn: an update could never change it", () => {
  const named = shapes.flatMap(([token, { properties }]) => Object.keys(properties ?? {}).map((name) => `${token} ${name}`));
  expect(named.filter((name) => / (?:id|urn)$/.test(name))).toEqual([]);
});
