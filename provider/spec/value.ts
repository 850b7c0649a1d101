/** Property values as the engine knows them: plain data in which secrets and unknowns are first-class. */

/** A value that is not known yet: every one of the engine's seven sentinels becomes this one object. */
export class Unknown {
  readonly kind = "unknown";
}

export const unknown = new Unknown();

/** A value that must stay encrypted in state; may stand anywhere in a tree, and may hold an Unknown. */
export class Secret {
  readonly kind = "secret";
  readonly value: Value;
  constructor(value: Value) {
    this.value = value;
  }
}

/** An asset, archive, resource reference or output value, carried as the engine sent it. */
export class Opaque {
  readonly kind = "opaque";
  readonly signature: string;
  readonly fields: ValueMap;
  constructor(signature: string, fields: ValueMap) {
    this.signature = signature;
    this.fields = fields;
  }
}

export type Value = null | boolean | number | string | readonly Value[] | ValueMap | Unknown | Secret | Opaque;

export interface ValueMap {
  readonly [key: string]: Value;
}

/** `["sources", "www/index.html"]`; a number indexes a list. */
export type PropertyPath = readonly (string | number)[];

/** A path as the engine parses it: `ports["80"][0].guest`. Keys that are no plain word are quoted. */
export function formatPath(path: PropertyPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    if (!/^[A-Za-z_$][A-Za-z0-9_$]*$/.test(part)) return `${text}["${part.replaceAll('"', String.raw`\"`)}"]`;
    return text === "" ? part : `${text}.${part}`;
  }, "");
}
