/** Format `qcow2`, for QEMU and libvirt. */
import type { FormatWriter } from "./format-writer.ts";

export const qcow2: FormatWriter = {
  extension: ".qcow2",
  version: 1,
  write: ({ disk, path, programs, signal }) => programs.converter.convert("qcow2", { from: disk.path, to: path }, signal),
};
