/** What is wrong in a Containerfile, told with its line, and the word that was probably meant. */
import { Failure } from "../failure.ts";

export interface Place {
  /** The file as the user names it, relative to the context. */
  readonly file: string;
  readonly line: number;
}

/** `Containerfile line 7: <problem>`; left out, the fix is to correct that line. */
export function containerfileFailure({ file, line }: Place, problem: string, fix = `correct line ${line} of ${file}.`): Failure {
  return new Failure({ kind: "input", message: `${file} line ${line}: ${problem}`, fix });
}

/** The one of `known` that is at most two keystrokes from `word`, and nearer to it than to an empty word. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known.map((name) => ({ name, distance: editDistance(word.toLowerCase(), name.toLowerCase()) }));
  const best = ranked.toSorted((a, b) => a.distance - b.distance)[0];
  return best !== undefined && best.distance <= 2 && best.distance < word.length - 1 ? best.name : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours that make `b` of `a`. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) current.push(cell(rows, current, { a, b, row, column }));
    rows.push(current);
  }
  return rows[a.length]?.[b.length] ?? 0;
}

function cell(rows: readonly number[][], current: readonly number[], at: { a: string; b: string; row: number; column: number }): number {
  const { a, b, row, column } = at;
  const above = rows[row - 1] ?? [];
  const replaced = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
  const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1] ? (rows[row - 2]?.[column - 2] ?? Infinity) + 1 : Infinity;
  return Math.min(replaced, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, swapped);
}
