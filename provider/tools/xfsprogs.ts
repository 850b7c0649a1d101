/** mkfs.xfs: XFS file systems in files, made without rights. */
import type { RootFormat } from "../model/mounted-root.ts";
import type { RunProgram } from "../model/program.ts";
import { administrators } from "./administrators.ts";

const purpose = "to write an XFS root file system";

/** By option, as `option=0` or `option=1`; kernels from 5.10 on mount what these leave. */
const wanted: Readonly<Record<string, readonly string[]>> = {
  "-m": ["crc=1", "finobt=1", "reflink=1", "bigtime=1", "inobtcount=1", "rmapbt=0", "metadir=0"],
  "-i": ["sparse=1", "nrext64=0", "exchange=0"],
  "-n": ["ftype=1", "parent=0"],
};

/** `usage` is what mkfs.xfs says about itself: a feature that it does not know cannot be on, and must not be named. */
export function mkfsXfsArgs(usage: string, { file, uuid, label }: Pick<RootFormat, "file" | "uuid" | "label">): string[] {
  const features = Object.entries(wanted).flatMap(([option, settings]) => {
    const known = settings.filter((setting) => usage.includes(`${setting.slice(0, -1)}0|1`));
    return known.length === 0 ? [] : [option, known.join(",")];
  });
  const sizes = ["-b", "size=4096", "-s", "size=512", "-i", "size=512"];
  return ["-q", "-f", "-K", ...sizes, ...features, "-m", `uuid=${uuid}`, "-L", label, file];
}

export function xfsprogs(run: RunProgram): {
  check(signal: AbortSignal): Promise<void>;
  format(format: RootFormat): Promise<void>;
} {
  const base = { program: "mkfs.xfs", purpose, environment: administrators() };
  return {
    check: async (signal) => void (await run({ ...base, args: ["-V"], signal })),
    format: async (format) => {
      const { directory, signal } = format;
      // Without arguments it shows its usage, and has 1 or 2 for it.
      const { stdout, stderr } = await run({ ...base, args: [], signal, exitCodes: [0, 1, 2] });
      await run({ ...base, args: mkfsXfsArgs(stdout + stderr, format), workingDirectory: directory, signal });
    },
  };
}
