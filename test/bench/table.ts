/** Rows of the benchmark table: each benchmark prints its own, `run.ts` gathers them. */

export interface Row {
  /** What was measured, in a few words. */
  readonly what: string;
  /** Seconds, or mebibytes where `unit` says so. */
  readonly ours: number;
  /** What did the same work in the same run; absent where there is nothing to hold it against. */
  readonly other?: { readonly name: string; readonly took: number };
  readonly unit?: "s" | "MiB";
}

const head = ["| what | ours | against | ours / theirs |", "| --- | --- | --- | --- |"];

export function formatRow({ what, ours, other, unit = "s" }: Row): string {
  const format = unit === "s" ? formatSeconds : formatMebibytes;
  const [against, ratio] = other === undefined ? ["", ""] : [`${other.name}: ${format(other.took)}`, (ours / other.took).toFixed(2)];
  return `| ${what} | ${format(ours)} | ${against} | ${ratio} |`;
}

export interface Blocks {
  readonly changed: number;
  readonly used: number;
}

/** Of blocks of 512 KiB; `floor` are those that an edit in place would change. */
export function formatChangesRow(
  what: string,
  ours: Blocks,
  against: { readonly floor?: number; readonly others?: Readonly<Record<string, Blocks>> },
): string {
  const { floor, others = {} } = against;
  const named = Object.entries(others).map(([name, blocks]) => `${name}: ${formatBlocks(blocks)}`);
  const held = [...(floor === undefined ? [] : [`edited in place: ${floor}`]), ...named].join("; ");
  const ratio = floor === undefined || floor === 0 ? "" : (ours.changed / floor).toFixed(2);
  return `| ${what} | ${formatBlocks(ours)} | ${held} | ${ratio} |`;
}

function formatBlocks({ changed, used }: Blocks): string {
  return `${changed} of ${used} (${((100 * changed) / used).toFixed(1)}%)`;
}

export function isRow(line: string): boolean {
  return line.startsWith("| ") && line.endsWith(" |");
}

export function formatTable(rows: readonly string[]): string {
  return [...head, ...rows].join("\n");
}

/** Replaces what stands between the markers of a README. */
export function intoReadme(readme: string, table: string): string {
  return readme.replace(/<!-- bench -->[^]*<!-- \/bench -->/, () => `<!-- bench -->\n${table}\n<!-- /bench -->`);
}

/** Seconds as people say them: `0.24 s`, `12.3 s`. */
function formatSeconds(seconds: number): string {
  return `${seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
}

function formatMebibytes(mebibytes: number): string {
  return `${mebibytes.toFixed(0)} MiB`;
}
