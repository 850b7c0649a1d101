/** mkfs.btrfs: btrfs file systems in files, made without rights. */
import type { RootFormat } from "../model/mounted-root.ts";
import type { RunProgram } from "../model/program.ts";
import { administrators } from "./administrators.ts";

const purpose = "to write a btrfs root file system";

/** On by default in some versions; kernels before 6.1 mount nothing that has it. */
const tooNew = ["block-group-tree"];

/** `features` is the list that mkfs.btrfs shows: what it does not know cannot be on, and must not be named. */
export function mkfsBtrfsArgs(features: string, { file, uuid, label }: Pick<RootFormat, "file" | "uuid" | "label">): string[] {
  const off = tooNew.filter((name) => new RegExp(`^${name}\\s`, "m").test(features)).map((name) => `^${name}`);
  const sizes = ["--sectorsize", "4096", "--nodesize", "16384", "--checksum", "crc32c", "--data", "single", "--metadata", "dup"];
  const without = off.length === 0 ? [] : ["--features", off.join(",")];
  return ["--quiet", "--force", "--nodiscard", ...sizes, ...without, "--uuid", uuid, "--label", label, file];
}

export function btrfsProgs(run: RunProgram): {
  check(signal: AbortSignal): Promise<void>;
  format(format: RootFormat): Promise<void>;
} {
  const base = { program: "mkfs.btrfs", purpose, environment: administrators() };
  return {
    check: async (signal) => void (await run({ ...base, args: ["--version"], signal })),
    format: async (format) => {
      const { directory, signal } = format;
      const { stdout, stderr } = await run({ ...base, args: ["--features", "list-all"], signal });
      await run({ ...base, args: mkfsBtrfsArgs(stdout + stderr, format), workingDirectory: directory, signal });
    },
  };
}
