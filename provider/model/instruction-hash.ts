/** One hash per instruction of a Containerfile: to say later which of them changed. */
import { createHash } from "node:crypto";
import type { Containerfile } from "./containerfile.ts";

export interface InstructionHash {
  readonly line: number;
  readonly keyword: string;
  /** 32 hex digits over the instruction and its heredocs; comments and line breaks do not count. */
  readonly hash: string;
}

export function hashInstructions(containerfile: Containerfile): readonly InstructionHash[] {
  return containerfile.instructions.map(({ line, keyword, logical, heredocs }) => {
    const hash = createHash("sha256").update(logical.text.trim());
    for (const { name, content } of heredocs) hash.update(`\0${name}\0${content}`);
    return { line, keyword, hash: hash.digest("hex").slice(0, 32) };
  });
}
