/** A boot loader that the user names, in place of the image's. */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import type { BootLoaderFile } from "../model/disk.ts";
import { parsePeBinary, peHeadBytes } from "../model/pe-binary.ts";
import { formatPlatform, type Platform } from "../model/platform.ts";

/** The largest that are in use have some MiB; a disk image that was named by mistake is not read. */
const largestBytes = 64 * 1024 ** 2;

/** `refused` says why it is none, as words that follow the property's name. */
export type BootLoaderReading = { readonly bytes: Buffer; readonly digest: Digest } | { readonly refused: string };

/** Relative paths start where the program runs. */
export async function readBootLoader(path: string, platform: Platform): Promise<BootLoaderReading> {
  const shown = JSON.stringify(path);
  try {
    const facts = await stat(path);
    if (!facts.isFile()) return { refused: `${shown} is no file; name an EFI program, such as systemd-bootx64.efi` };
    if (facts.size > largestBytes) return { refused: `${shown} is larger than 64MiB, as no boot loader is; name an EFI program` };
    const bytes = await readFile(path);
    const binary = parsePeBinary(bytes.subarray(0, peHeadBytes));
    if (binary?.isEfiApplication !== true) {
      return { refused: `${shown} is no EFI program; name one such as systemd-bootx64.efi, or leave it out to take the image's` };
    }
    if (binary.architecture !== platform.architecture) {
      const foreign = binary.architecture === undefined ? "another architecture" : `linux/${binary.architecture}`;
      return { refused: `${shown} is an EFI program for ${foreign}, and the disk is for ${formatPlatform(platform)}; name one for that` };
    }
    return { bytes, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === undefined) throw thrown;
    if (code === "ENOENT" || code === "ENOTDIR") return { refused: `${shown} is not there; name a file on this computer` };
    return { refused: `${shown} cannot be read (${code}); name a file that this user may read` };
  }
}

/** The bytes that Check saw. */
export async function openBootLoader({ path, digest }: BootLoaderFile, platform: Platform): Promise<Buffer> {
  const reading = await readBootLoader(path, platform);
  if ("refused" in reading) {
    throw new Failure({
      kind: "input",
      code: "boot-loader",
      message: `disk.bootLoader ${reading.refused}. Nothing was written.`,
      fix: "put the file there that was planned, or change disk.bootLoader.",
    });
  }
  if (reading.digest === digest) return reading.bytes;
  throw new Failure({
    kind: "input",
    code: "boot-loader",
    message: `disk.bootLoader ${JSON.stringify(path)} is ${reading.digest}, and ${digest} was planned. Nothing was written.`,
    fix: "run pulumi up again, or put the file back that was planned.",
  });
}
