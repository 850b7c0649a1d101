/** Format `qcow2`, for QEMU and libvirt. */
import type { PassFormat } from "./format-writer.ts";

export const qcow2: PassFormat = { extension: ".qcow2", version: 2, target: () => ({ format: "qcow2" }) };
