/** From values that may be unknown to plain ones, for handlers. */
import type { Checked } from "./handlers.ts";
import { holdsUnknown } from "./tree.ts";
import type { Value } from "./value.ts";

/** The value when all of it is known; undefined when it is absent or any part of it is unknown. */
export function known<T>(value: Checked<T> | undefined): T | undefined {
  return value === undefined || holdsUnknown(value as Value) ? undefined : (value as T);
}

/** Whether nothing in it is unknown; an absent value is known to be absent. */
export function isKnown(value: unknown): boolean {
  return value === undefined || !holdsUnknown(value as Value);
}
