/** The disk of the tests with a registry that misbehaves. */
import { mebibyte, noise, type DiskBytes } from "./sharing-home.ts";

/** Two pieces, most of them zero. */
export const bytes: DiskBytes = { sizeBytes: 72 * mebibyte, data: { 0: Buffer.from("boot"), [70 * mebibyte]: noise("root", mebibyte) } };
export const other: DiskBytes = { ...bytes, data: { ...bytes.data, [71 * mebibyte]: Buffer.from("laid out differently") } };
