/** Requests and answers whose property trees are taken out of, and put into, the bytes of the generated classes' messages. */
import type { ValueMap } from "../spec/value.ts";
import { decodeStruct, encodeStruct } from "./property-tree.ts";
import { BackwardWriter, fieldTag, MessageReader, wireTypes } from "./protobuf.ts";

/** Where a message keeps its property trees: the number of each field in provider.proto, all below 16. */
export type TreeFields<Name extends string> = Readonly<Record<Name, number>>;

export interface Incoming<Message, Name extends string> {
  readonly message: Message;
  /** Decodes when called; undefined when the field was not sent, which is not the same as empty. */
  readonly tree: (name: Name) => ValueMap | undefined;
}

export interface Outgoing<Message, Name extends string> {
  readonly message: Message;
  readonly trees: { readonly [name in Name]?: ValueMap | undefined };
}

export function readMessage<Message, Name extends string>(
  type: { deserializeBinary(bytes: Uint8Array): Message },
  fields: TreeFields<Name>,
): (bytes: Uint8Array) => Incoming<Message, Name> {
  const numbers = new Set<number>(Object.values(fields));
  return (bytes) => {
    const { rest, found } = splitFields(bytes, numbers);
    return {
      message: type.deserializeBinary(rest),
      tree: (name) => {
        const tree = found.get(fields[name]);
        return tree === undefined ? undefined : decodeStruct(tree);
      },
    };
  };
}

export function writeMessage<Name extends string>(
  fields: TreeFields<Name>,
): (answer: Outgoing<{ serializeBinary(): Uint8Array }, Name>) => Buffer {
  return ({ message, trees }) => {
    const parts: Uint8Array[] = [message.serializeBinary()];
    for (const [name, tree] of Object.entries<ValueMap | undefined>(trees)) {
      if (tree !== undefined) parts.push(...field(fields[name as Name], encodeStruct(tree)));
    }
    return Buffer.concat(parts);
  };
}

function field(number: number, content: Uint8Array): readonly Uint8Array[] {
  const header = new BackwardWriter();
  header.varint(content.length);
  header.byte(fieldTag(number, wireTypes.lengthDelimited));
  return [header.finish(), content];
}

/** The bytes of the wanted fields, and the message without them. Of a field sent twice the last one counts. */
function splitFields(
  bytes: Uint8Array,
  wanted: ReadonlySet<number>,
): { readonly rest: Uint8Array; readonly found: ReadonlyMap<number, Uint8Array> } {
  const reader = new MessageReader(bytes);
  const kept: Uint8Array[] = [];
  const found = new Map<number, Uint8Array>();
  while (reader.position < reader.bytes.length) {
    const start = reader.position;
    const tag = reader.varint();
    if (wanted.has(tag >>> 3)) {
      const end = reader.end();
      found.set(tag >>> 3, reader.bytes.subarray(reader.position, end));
      reader.position = end;
    } else {
      reader.skip(tag & 7);
      kept.push(reader.bytes.subarray(start, reader.position));
    }
  }
  return { rest: new Uint8Array(Buffer.concat(kept)), found };
}
