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
