/** Trees of property values: taking secrets off, putting them back at the same places, finding unknowns. */
import { Opaque, Secret, Unknown, type Value, type ValueMap } from "./value.ts";

export function isMap(value: Value | undefined): value is ValueMap {
  return typeof value === "object" && value !== null && !isList(value) && !isMarked(value);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

function isMarked(value: object): value is Unknown | Secret | Opaque {
  return value instanceof Unknown || value instanceof Secret || value instanceof Opaque;
}

/** The entry of that name, and never something inherited (`constructor` is a fine name for a label). */
export function entryOf(map: ValueMap | undefined, name: string): Value | undefined {
  return map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
}

/** Null, also inside a secret, is how some languages say "left out". */
export function isAbsent(value: Value | undefined): boolean {
  return value === undefined || value === null || (value instanceof Secret && isAbsent(value.value));
}

export function mapEntries(map: ValueMap, change: (value: Value, name: string) => Value): ValueMap {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, change(value, name)]));
}

/** The same tree without any Secret; unknowns stay. */
export function bare(value: Value): Value {
  if (value instanceof Secret) return bare(value.value);
  if (isList(value)) return value.map(bare);
  return isMap(value) ? bareMap(value) : value;
}

export function bareMap(map: ValueMap): ValueMap {
  return mapEntries(map, bare);
}

/** True when the test holds for the value or for anything in it. */
export function some(value: Value, test: (part: Value) => boolean): boolean {
  if (test(value)) return true;
  if (value instanceof Secret) return some(value.value, test);
  if (isList(value)) return value.some((item) => some(item, test));
  return isMap(value) && Object.values(value).some((item) => some(item, test));
}

export function holdsUnknown(value: Value): boolean {
  return some(value, (part) => part instanceof Unknown);
}

/** Every text inside a Secret, at any depth. */
export function secretTexts(value: Value, inside = false): readonly string[] {
  if (value instanceof Secret) return secretTexts(value.value, true);
  if (typeof value === "string") return inside ? [value] : [];
  const items = isList(value) ? value : isMap(value) ? Object.values(value) : [];
  return items.flatMap((item) => secretTexts(item, inside));
}

function holdsSecret(value: Value): boolean {
  return some(value, (part) => part instanceof Secret);
}

/**
 * `value` with a Secret at each place where `like` has one. Where the two differ in shape and `like` holds a secret
 * somewhere below, all of `value` is covered: rather too much than too little.
 */
export function coverLike(value: Value, like: Value | undefined): Value {
  if (value instanceof Secret || like === undefined) return value;
  if (like instanceof Secret) return new Secret(bare(value));
  if (isList(value) && isList(like)) return value.map((item, index) => coverLike(item, like[index]));
  if (isMap(value) && isMap(like)) return coverMapLike(value, like);
  return holdsSecret(like) ? new Secret(bare(value)) : value;
}

export function coverMapLike(value: ValueMap, like: ValueMap | undefined): ValueMap {
  return mapEntries(value, (item, name) => coverLike(item, entryOf(like, name)));
}
