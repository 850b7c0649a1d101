/** Rows of the benchmark table: each benchmark prints its own, `run.ts` gathers them. */

export interface Row {
  /** What was measured, in a few words. */
  readonly what: string;
  readonly ours: string;
  /** Program that did the same work in the same run; absent where there is none. */
  readonly other?: { readonly name: string; readonly took: string; readonly ratio: number };
}

const head = ["| what | ours | against | ratio |", "| --- | --- | --- | --- |"];

export function formatRow({ what, ours, other }: Row): string {
  const against = other === undefined ? "" : `${other.name}: ${other.took}`;
  return `| ${what} | ${ours} | ${against} | ${other === undefined ? "" : other.ratio.toFixed(2)} |`;
}

export function isRow(line: string): boolean {
  return line.startsWith("| ") && line.endsWith(" |");
}

export function formatTable(rows: readonly string[]): string {
  return [...head, ...rows].join("\n");
}

/** Replaces what stands between the markers of a README. */
export function intoReadme(readme: string, table: string): string {
  return readme.replace(/<!-- bench -->[^]*<!-- \/bench -->/, `<!-- bench -->\n${table}\n<!-- /bench -->`);
}

/** Seconds as people say them: `0.24 s`, `12.3 s`. */
export function formatSeconds(seconds: number): string {
  return `${seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
}

/** The middle one of several runs' seconds. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
