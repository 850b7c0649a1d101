/** Property trees against the generated classes of the protocol, which are the reference for the bytes. */
import * as fc from "fast-check";
import structProto from "google-protobuf/google/protobuf/struct_pb.js";
import { expect, test } from "vitest";
import { asFailure, describeFailure } from "../../provider/failure.ts";
import { Opaque, Secret, unknown } from "../../provider/spec/value.ts";
import type { Value, ValueMap } from "../../provider/spec/value.ts";
import { decodeStruct, encodeStruct, secretSignature, signatureKey, unknownSentinels } from "../../provider/wire/property-tree.ts";

const text = fc.string({ unit: "grapheme" });
const key = text.filter((name) => name !== signatureKey);
const number = fc.oneof(fc.integer(), fc.double({ noNaN: true }));
const { value } = fc.letrec<{ value: Value; map: ValueMap }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    number,
    text,
    fc.constant(unknown),
    fc.array(tie("value")),
    tie("map"),
    tie("value").map((inner) => new Secret(inner)),
    fc.tuple(text, tie("map")).map(([signature, fields]) => new Opaque(`asset ${signature}`, fields)),
  ),
  map: fc.dictionary(key, tie("value"), { noNullPrototype: true }),
}));
const map = fc.dictionary(key, value, { noNullPrototype: true });

function generatedDecode(bytes: Uint8Array): unknown {
  return structProto.Struct.deserializeBinary(new Uint8Array(bytes)).toJavaScript();
}

function generatedEncode(json: unknown): Uint8Array {
  return structProto.Struct.fromJavaScript(json as Record<string, structProto.JavaScriptValue>).serializeBinary();
}

test("every tree comes back as it was", () => {
  fc.assert(
    fc.property(map, (tree) => {
      expect(decodeStruct(encodeStruct(tree))).toEqual(tree);
    }),
  );
});

test("plain trees are read and written as the generated classes do", () => {
  const json = fc
    .dictionary(key, fc.jsonValue(), { noNullPrototype: true })
    // The generated classes lose that key; the test below has it.
    .filter((tree) => !JSON.stringify(tree).includes("__proto__"));
  fc.assert(
    fc.property(json, (tree) => {
      expect(generatedDecode(encodeStruct(tree as ValueMap))).toEqual(tree);
      expect(decodeStruct(generatedEncode(tree))).toEqual(tree);
    }),
  );
});

test.each([...unknownSentinels])("%s is unknown wherever it stands", (sentinel) => {
  const secret = { [signatureKey]: secretSignature, value: sentinel };
  const tree = decodeStruct(generatedEncode({ top: sentinel, list: [sentinel], map: { secret } }));
  expect(tree).toEqual({ top: unknown, list: [unknown], map: { secret: new Secret(unknown) } });
});

test("secrets, unknowns and what else has a signature are written in the engine's form", () => {
  const bytes = encodeStruct({ secret: new Secret({ a: [new Secret("x")] }), not: unknown, asset: new Opaque("c4", { text: "t" }) });
  expect(generatedDecode(bytes)).toEqual({
    secret: { [signatureKey]: secretSignature, value: { a: [{ [signatureKey]: secretSignature, value: "x" }] } },
    not: "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
    asset: { [signatureKey]: "c4", text: "t" },
  });
});

test("undefined is left out of maps and null in lists", () => {
  const loose = { a: undefined, b: [undefined], c: { d: undefined } } as unknown as ValueMap;
  expect(decodeStruct(encodeStruct(loose))).toEqual({ b: [null], c: {} });
});

test("__proto__ is a key like any other", () => {
  const tree = decodeStruct(encodeStruct(JSON.parse('{"__proto__": {"polluted": true}}') as ValueMap));
  expect(Object.keys(tree)).toEqual(["__proto__"]);
  expect("polluted" in {}).toBe(false);
});

test("a thousand levels are read, and more are refused in words", () => {
  expect(decodeStruct(encodeStruct(nested(999)))).toEqual(nested(999));
  expect(() => decodeStruct(encodeStruct(nested(1001)))).toThrow();
  try {
    decodeStruct(encodeStruct(nested(1001)));
  } catch (thrown) {
    expect(describeFailure(asFailure(thrown))).toBe(
      "A property is nested more than 1000 levels deep, which is more than this provider reads.\n" +
        "fix: pass it as a flatter structure, or as a string.",
    );
  }
});

function nested(levels: number): ValueMap {
  let tree: Value = "leaf";
  for (let level = 1; level < levels; level++) tree = level % 2 === 0 ? { tree } : [tree];
  return { tree };
}

test("cut off or garbled bytes are refused, never read past their end", () => {
  const bytes = encodeStruct({ a: "some text", b: [1, 2, { c: true }] });
  for (let length = 0; length < bytes.length; length++) expect(() => tryDecode(bytes.subarray(0, length))).not.toThrow();
  fc.assert(
    fc.property(fc.uint8Array(), (garbled) => {
      expect(() => tryDecode(garbled)).not.toThrow();
    }),
  );
});

/** RangeError is the only error that bytes may cause. */
function tryDecode(bytes: Uint8Array): void {
  try {
    decodeStruct(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}

test("large maps take seconds, not minutes", () => {
  const files = Object.fromEntries(Array.from({ length: 300_000 }, (_, index) => [`www/file-${index}.html`, `sha256:${index}`]));
  const started = performance.now();
  const tree = decodeStruct(encodeStruct({ files }));
  console.log(`300,000 entries there and back: ${Math.round(performance.now() - started)} ms`);
  expect(Object.keys(tree["files"] as ValueMap)).toHaveLength(300_000);
});
