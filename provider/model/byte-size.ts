/** Sizes as users write them: a number and a binary unit, `10GiB`. */

const units: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

/** Bytes, or undefined when the text is no size: digits with an optional fraction, then B, KiB, MiB, GiB or TiB. */
export function parseByteSize(text: string): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?) ?(B|KiB|MiB|GiB|TiB)$/.exec(text);
  const unit = units[match?.[2] ?? ""];
  if (match?.[1] === undefined || unit === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

/** The largest unit that keeps the number at 1 or more, with one decimal where that matters: `1.5 GiB`. */
export function formatByteSize(bytes: number): string {
  const name = ["TiB", "GiB", "MiB", "KiB"].find((unit) => bytes >= (units[unit] ?? 1)) ?? "B";
  const value = bytes / (units[name] ?? 1);
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${name}`;
}
