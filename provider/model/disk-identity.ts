/** What makes two disks the same disk: the image and the options that change its bytes. */
import { createHash } from "node:crypto";
import type { Digest } from "./digest.ts";
import type { DiskOptions } from "./disk.ts";
import { formatPlatform } from "./platform.ts";

/**
 * 64 hex digits. How files are laid out is not part of it: an upgrade of the provider then costs one larger delta, and
 * not every disk again. A new option must be left out of the text while it has its default, for the same reason.
 */
export function diskIdentity(manifest: Digest, options: DiskOptions): string {
  const canonical = JSON.stringify([
    "bootable disk",
    manifest,
    formatPlatform(options.platform),
    options.filesystem,
    options.engine,
    options.sizeBytes ?? null,
    options.kernelArguments,
    options.rootSshAuthorizedKeys,
    ...(options.targetImage === undefined ? [] : [["target image", options.targetImage]]),
    ...(options.builderImage === undefined ? [] : [["builder image", options.builderImage]]),
    ...(options.bootLoader === undefined ? [] : [["boot loader", options.bootLoader.digest]]),
  ]);
  return createHash("sha256").update(canonical).digest("hex");
}
