/**
 * Property trees on the wire: the bytes of a google.protobuf.Struct to values and back. Secrets and the rest of what
 * JSON has no word for travel as objects with a signature, unknowns as one of seven strings; both are part of Pulumi's
 * protocol (sdk/go/common/resource/sig and plugin/rpc.go in pulumi/pulumi).
 */
import { Failure } from "../failure.ts";
import { Opaque, Secret, Unknown, unknown } from "../spec/value.ts";
import type { Value, ValueMap } from "../spec/value.ts";
import { BackwardWriter, fieldTag, MessageReader, wireTypes } from "./protobuf.ts";

export const signatureKey = "4dabf18193072939515e22adb298388d";
export const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const unknownString = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export const unknownSentinels: ReadonlySet<string> = new Set([
  unknownString,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", // bool
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421", // number
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", // array
  "030794c1-ac77-496b-92df-f27374a8bd58", // asset
  "e48ece36-62e2-4504-bad9-02848725956a", // archive
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff", // object
]);
const sentinelLength = unknownString.length;

const { varint, fixed64, lengthDelimited } = wireTypes;
/** Struct.fields and ListValue.values, and the two fields of an entry of Struct.fields. */
const itemTag = fieldTag(1, lengthDelimited);
const entryKeyTag = fieldTag(1, lengthDelimited);
const entryValueTag = fieldTag(2, lengthDelimited);
const nullTag = fieldTag(1, varint);
const numberTag = fieldTag(2, fixed64);
const stringTag = fieldTag(3, lengthDelimited);
const boolTag = fieldTag(4, varint);
const structTag = fieldTag(5, lengthDelimited);
const listTag = fieldTag(6, lengthDelimited);

/** Well within the stack; a tree that a person wrote has perhaps ten levels. */
const maximumDepth = 1000;

/** A tree while it is built: `ValueMap`, but writable. */
type Fields = Record<string, Value>;

export function decodeStruct(bytes: Uint8Array): ValueMap {
  const reader = new MessageReader(bytes);
  return readFields(reader, reader.bytes.length);
}

export function encodeStruct(map: ValueMap): Buffer {
  const writer = new BackwardWriter();
  writeFields(writer, map);
  return writer.finish();
}

function readFields(reader: MessageReader, end: number): Fields {
  const fields: Fields = {};
  while (reader.position < end) {
    const tag = reader.varint();
    if (tag === itemTag) readEntry(reader, fields);
    else reader.skip(tag & 7);
  }
  return fields;
}

function readEntry(reader: MessageReader, fields: Fields): void {
  const end = reader.end();
  let key = "";
  let value: Value = null;
  while (reader.position < end) {
    const tag = reader.varint();
    if (tag === entryKeyTag) key = reader.string();
    else if (tag === entryValueTag) value = readValue(reader, reader.end());
    else reader.skip(tag & 7);
  }
  setField(fields, key, value);
}

/** `__proto__` is a key like any other. */
function setField(fields: Fields, key: string, value: Value): void {
  if (key === "__proto__") Object.defineProperty(fields, key, { value, enumerable: true, configurable: true, writable: true });
  else fields[key] = value;
}

function readValue(reader: MessageReader, end: number): Value {
  reader.depth += 1;
  if (reader.depth > maximumDepth) throw tooDeep();
  let value: Value = null;
  while (reader.position < end) {
    const tag = reader.varint();
    if (tag === stringTag) value = known(reader.string());
    else if (tag === structTag) value = unwrap(readFields(reader, reader.end()));
    else if (tag === listTag) value = readList(reader, reader.end());
    else if (tag === numberTag) value = reader.double();
    else if (tag === boolTag) value = reader.varint() !== 0;
    else reader.skip(tag & 7);
  }
  reader.depth -= 1;
  return value;
}

function readList(reader: MessageReader, end: number): Value[] {
  const items: Value[] = [];
  while (reader.position < end) {
    const tag = reader.varint();
    if (tag === itemTag) items.push(readValue(reader, reader.end()));
    else reader.skip(tag & 7);
  }
  return items;
}

function known(text: string): string | Unknown {
  return text.length === sentinelLength && unknownSentinels.has(text) ? unknown : text;
}

function unwrap(fields: Fields): Value {
  const signature = fields[signatureKey];
  if (typeof signature !== "string") return fields;
  if (signature === secretSignature) return new Secret(fields["value"] ?? null);
  const { [signatureKey]: _, ...rest } = fields;
  return new Opaque(signature, rest);
}

function writeFields(writer: BackwardWriter, map: ValueMap): void {
  const keys = Object.keys(map);
  for (let index = keys.length - 1; index >= 0; index--) {
    const key = keys[index] ?? "";
    const value = map[key];
    if (value !== undefined) writeEntry(writer, key, value);
  }
}

function writeEntry(writer: BackwardWriter, key: string, value: Value): void {
  const start = writer.length;
  writeValue(writer, value);
  writer.varint(writer.length - start);
  writer.byte(entryValueTag);
  writer.string(key);
  writer.byte(entryKeyTag);
  writer.varint(writer.length - start);
  writer.byte(itemTag);
}

function writeValue(writer: BackwardWriter, value: Value): void {
  if (typeof value === "string") {
    writer.string(value);
    writer.byte(stringTag);
  } else if (typeof value === "number") {
    writer.double(value);
    writer.byte(numberTag);
  } else if (typeof value === "boolean") {
    writer.varint(value ? 1 : 0);
    writer.byte(boolTag);
  } else if (value === null || value === undefined) {
    writer.varint(0);
    writer.byte(nullTag);
  } else {
    writeTree(writer, value);
  }
}

function writeTree(writer: BackwardWriter, value: readonly Value[] | ValueMap | Unknown | Secret | Opaque): void {
  if (value instanceof Unknown) return writeValue(writer, unknownString);
  const start = writer.length;
  if (isList(value)) {
    for (let index = value.length - 1; index >= 0; index--) writeItem(writer, value[index] ?? null);
  } else if (value instanceof Secret) {
    writeEntry(writer, "value", value.value);
    writeEntry(writer, signatureKey, secretSignature);
  } else if (value instanceof Opaque) {
    writeFields(writer, value.fields);
    writeEntry(writer, signatureKey, value.signature);
  } else {
    writeFields(writer, value);
  }
  writer.varint(writer.length - start);
  writer.byte(isList(value) ? listTag : structTag);
}

function writeItem(writer: BackwardWriter, value: Value): void {
  const start = writer.length;
  writeValue(writer, value);
  writer.varint(writer.length - start);
  writer.byte(itemTag);
}

function tooDeep(): Failure {
  return new Failure({
    kind: "input",
    message: "A property is nested more than 1000 levels deep, which is more than this provider reads.",
    fix: "pass it as a flatter structure, or as a string.",
  });
}

function isList(value: object): value is readonly Value[] {
  return Array.isArray(value);
}
