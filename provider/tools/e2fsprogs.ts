/** mke2fs and debugfs: ext4 file systems inside files, made and filled without rights. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import type { Ext4Format, ImagePart } from "../model/image-part.ts";
import type { RunProgram } from "../model/program.ts";
import { administrators } from "./administrators.ts";

/** Named one by one, so that neither the version nor /etc/mke2fs.conf decides. No orphan_file: it needs kernel 5.15. */
const features = [
  "none",
  "has_journal",
  "ext_attr",
  "resize_inode",
  "dir_index",
  "filetype",
  "extent",
  "64bit",
  "flex_bg",
  "sparse_super",
  "large_file",
  "huge_file",
  "dir_nlink",
  "extra_isize",
  "metadata_csum",
  "metadata_csum_seed",
];
const blockBytes = 4096;
const purpose = "to write an ext4 root file system";

export function mke2fsArgs(format: Omit<Ext4Format, "directory" | "signal" | "epochSeconds">): string[] {
  const extended = [
    `offset=${format.offsetBytes}`,
    `hash_seed=${format.hashSeed}`,
    "root_owner=0:0",
    "lazy_itable_init=1",
    "assume_storage_prezeroed=1",
    "nodiscard",
  ];
  const shape = ["-b", String(blockBytes), "-I", "256", "-N", String(format.inodes), "-J", `size=${format.journalBytes / 1024 ** 2}`];
  const identity = ["-U", format.uuid, "-E", extended.join(",")];
  const blocks = String(format.sizeBytes / blockBytes);
  return ["-q", "-F", "-t", "ext4", "-m", "1", ...shape, "-O", features.join(","), ...identity, format.file, blocks];
}

export function e2fsprogs(run: RunProgram): {
  format(format: Ext4Format): Promise<void>;
  edit(request: ImagePart & { readonly script: string; readonly epochSeconds: number; readonly onCommand: () => void }): Promise<void>;
  editOnce(request: ImagePart & { readonly command: string; readonly epochSeconds: number }): Promise<void>;
} {
  const debugfs = async (
    request: ImagePart & { readonly epochSeconds: number },
    how: readonly string[],
    onCommand: () => void,
  ): Promise<void> => {
    const { directory, file, offsetBytes, signal, epochSeconds } = request;
    const complaints: string[] = [];
    const { exitCode } = await run({
      program: "debugfs",
      args: ["-w", ...how, `${file}?offset=${offsetBytes}`],
      purpose,
      workingDirectory: directory,
      environment: environment(epochSeconds),
      signal,
      exitCodes: [0, 1],
      onLine: (line, stream) => {
        if (stream === "stdout" && line.startsWith("debugfs: ")) onCommand();
        else if (stream === "stderr" && isComplaint(line)) complaints.push(line);
      },
    });
    if (complaints.length > 0 || exitCode !== 0) throw complained(complaints);
  };
  return {
    format: async (format) => {
      const { directory, signal, epochSeconds } = format;
      const env = { ...environment(epochSeconds), MKE2FS_CONFIG: "/dev/null" };
      await run({ program: "mke2fs", args: mke2fsArgs(format), purpose, workingDirectory: directory, environment: env, signal });
    },
    edit: async (request) => {
      // Names are bytes: the script has one character per byte.
      await writeFile(join(request.directory, "script"), request.script, { encoding: "latin1", mode: 0o600 });
      await debugfs(request, ["-f", "script"], request.onCommand);
    },
    editOnce: (request) => debugfs(request, ["-R", request.command], () => undefined),
  };
}

/** Both names: E2FSPROGS_FAKE_TIME is what 1.47.0 knows. */
function environment(epochSeconds: number): Record<string, string> {
  return { ...administrators(), E2FSPROGS_FAKE_TIME: String(epochSeconds), SOURCE_DATE_EPOCH: String(epochSeconds) };
}

/** debugfs says its version on stderr; of most commands that came to nothing its exit code tells nothing. */
function isComplaint(line: string): boolean {
  return line !== "" && !/^debugfs [0-9.]+\S* \(/.test(line);
}

function complained(lines: readonly string[]): Failure {
  const shown = lines.slice(0, 20);
  const more = lines.length > shown.length ? [`and ${lines.length - shown.length} more lines`] : [];
  return new Failure({
    kind: "tool",
    code: "complaint",
    message: `debugfs, run ${purpose}, could not do all it was told.`,
    detail: [...shown, ...more].join("\n").slice(0, 2048),
  });
}
