/** One instruction of a Containerfile as data. */
import type { Heredoc } from "./containerfile-heredocs.ts";
import type { LogicalLine } from "./containerfile-lines.ts";
import type { Flag, Word } from "./containerfile-words.ts";

export interface Instruction {
  /** Of the first line, from 1. */
  readonly line: number;
  /** In upper case. */
  readonly keyword: string;
  readonly flags: readonly Flag[];
  /** What follows keyword and flags. */
  readonly rest: Word;
  /** The words of `rest`: between blanks, or the strings of a JSON list. */
  readonly words: readonly Word[];
  readonly json: boolean;
  readonly heredocs: readonly Heredoc[];
  /** What an ONBUILD holds back. */
  readonly trigger?: Instruction;
  /** The joined line that all ranges count in. */
  readonly logical: LogicalLine;
}
