/** Format `vhd`: fixed, as Azure takes it. The disk's bytes and a footer. */
import { derivedUuid } from "../model/derived-uuid.ts";
import { formatVhdFooter } from "../model/vhd.ts";
import { epochSeconds } from "./disk-times.ts";
import type { PassFormat } from "./format-writer.ts";

export const vhd: PassFormat = {
  extension: ".vhd",
  version: 1,
  // Disks are made in whole MiB, which is what Azure asks for.
  target: ({ identity, sizeBytes }) => ({
    format: "raw",
    tail: formatVhdFooter({ sizeBytes, uuid: derivedUuid(identity, "vhd"), createdAtSeconds: epochSeconds }),
  }),
};
