/** Looks into file systems inside disks that somebody else made: mdir for FAT, debugfs for ext4; nothing is changed. */
import type { ImagePart } from "../model/image-part.ts";
import type { RunProgram } from "../model/program.ts";
import { administrators } from "./administrators.ts";

const purpose = "to look into the disk";

export function mdirArgs(part: Pick<ImagePart, "file" | "offsetBytes">, path: string): string[] {
  return ["-b", "-i", `${part.file}@@${part.offsetBytes}`, `::${path}`];
}

/** Each path on a line of its own, folders with a slash behind. */
export function parseMdir(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim().replace(/\/$/, ""))
    .filter((line) => line.startsWith("::/"))
    .map((line) => line.slice(line.lastIndexOf("/") + 1));
}

export function debugfsListArgs(part: Pick<ImagePart, "file" | "offsetBytes">, path: string): string[] {
  return ["-R", `ls -p ${path}`, `${part.file}?offset=${part.offsetBytes}`];
}

/** Lines such as `/12/040755/0/0/name//`. */
export function parseDebugfsList(text: string): string[] {
  return text
    .split("\n")
    .map((line) => /^\/[0-9]+\/[0-7]+\/[0-9]+\/[0-9]+\/(.*)\/[0-9]*\/$/.exec(line)?.[1] ?? "")
    .filter((name) => name !== "" && name !== "." && name !== "..");
}

export function diskListing(run: RunProgram): {
  fat(part: ImagePart, path: string): Promise<readonly string[]>;
  ext4(part: ImagePart, path: string): Promise<readonly string[]>;
} {
  const list = async (part: ImagePart, program: string, args: readonly string[]): Promise<string> => {
    const environment = { MTOOLSRC: "/dev/null", ...administrators() };
    const { directory, signal } = part;
    const result = await run({ program, args, purpose, workingDirectory: directory, environment, signal, exitCodes: [0, 1] });
    return result.stdout;
  };
  return {
    // Both answer what is not there with an empty list; mdir's exit code is 1 then, debugfs's 0.
    fat: async (part, path) => parseMdir(await list(part, "mdir", mdirArgs(part, path))),
    ext4: async (part, path) => parseDebugfsList(await list(part, "debugfs", debugfsListArgs(part, path))),
  };
}
