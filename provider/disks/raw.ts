/** Format `raw`: the disk's bytes, sparse or sharing blocks with the cache. */
import type { ConvertedFormat } from "./format-writer.ts";

export const raw: ConvertedFormat = {
  extension: ".raw",
  version: 1,
  write: ({ disk, path, programs, signal }) => programs.copier.sparseCopy(disk.path, path, signal),
};
