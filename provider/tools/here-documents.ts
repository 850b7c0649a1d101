/** Finds the first here-document of a Containerfile: older builders take it for part of the command and run nonsense. */
import { parseContainerfile } from "../model/containerfile.ts";

export interface HereDocument {
  /** Of the instruction that has it. */
  readonly line: number;
  /** Its end mark: `EOF`. */
  readonly name: string;
}

export function findHereDocument(containerfileText: string, file: string): HereDocument | undefined {
  for (const { line, heredocs } of parseContainerfile(containerfileText, file).instructions) {
    const [first] = heredocs;
    if (first !== undefined) return { line, name: first.name };
  }
  return undefined;
}
