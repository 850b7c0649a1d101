/** Format `vhd`: fixed, as Azure takes it. The disk's bytes and a footer; nothing is converted. */
import { open } from "node:fs/promises";
import { derivedUuid } from "../model/derived-uuid.ts";
import { formatVhdFooter } from "../model/vhd.ts";
import { epochSeconds } from "./disk-times.ts";
import type { FormatWriter } from "./format-writer.ts";

export const vhd: FormatWriter = {
  extension: ".vhd",
  version: 1,
  write: async ({ disk, path, programs, signal }) => {
    await programs.copier.sparseCopy(disk.path, path, signal);
    // Disks are made in whole MiB, which is what Azure asks for.
    const uuid = derivedUuid(disk.identity, "vhd");
    const footer = formatVhdFooter({ sizeBytes: disk.sizeBytes, uuid, createdAtSeconds: epochSeconds });
    await using file = await open(path, "r+");
    await file.write(footer, 0, footer.length, disk.sizeBytes);
  },
};
