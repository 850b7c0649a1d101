/** Reading JSON and TOML that came from outside: every step may find something else than hoped for. */

export type Shape = Readonly<Record<string, unknown>>;

export function isShape(value: unknown): value is Shape {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function parseShape(text: string): Shape | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isShape(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function textAt(shape: Shape, key: string): string | undefined {
  const value = Object.hasOwn(shape, key) ? shape[key] : undefined;
  return typeof value === "string" ? value : undefined;
}

export function shapeAt(shape: Shape, key: string): Shape {
  const value = Object.hasOwn(shape, key) ? shape[key] : undefined;
  return isShape(value) ? value : {};
}

export function shapesAt(shape: Shape, key: string): readonly Shape[] {
  const value = Object.hasOwn(shape, key) ? shape[key] : undefined;
  return Array.isArray(value) ? value.filter((item) => isShape(item)) : [];
}

/** The entries whose values are texts. */
export function textsOf(shape: Shape): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(shape).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}
