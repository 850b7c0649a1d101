/**
 * Reads the names in cpio archives as the kernel unpacks them at boot: "newc", several one after another, with zeros
 * between. Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
 */
import type { ByteSource } from "./byte-source.ts";

const headerBytes = 110;
const longestName = 4096;
/** Zeros fill up to a sector or a page; more of them is no archive. */
const mostPadding = 1024 ** 2;
const trailer = "TRAILER!!!";

export interface CpioEnd {
  /** `other`: what follows is no archive of this kind. `cut`: the last archive is not whole. */
  readonly kind: "end" | "other" | "cut";
  /** Where that is, from the start of the source. */
  readonly atBytes: number;
}

/** Holds one header and one name at a time. */
export async function readCpio(source: ByteSource, onName: (name: string) => void): Promise<CpioEnd> {
  for (let atBytes = 0, padding = 0; ;) {
    const start = await source.take(4);
    if (start.length === 0) return { kind: "end", atBytes };
    if (start.every((byte) => byte === 0)) {
      if ((padding += 4) > mostPadding) return { kind: "other", atBytes };
      atBytes += start.length;
      continue;
    }
    padding = 0;
    if (!isCpio(start)) return { kind: "other", atBytes };
    const entry = await readEntry(source, start);
    if (entry === undefined) return { kind: "cut", atBytes };
    if (entry.name !== trailer) onName(entry.name);
    atBytes += entry.lengthBytes;
  }
}

/** By the first four bytes. */
export function isCpio(start: Buffer): boolean {
  return start.toString("latin1", 0, 4) === "0707";
}

/** Undefined when it is malformed or ends too early. */
async function readEntry(source: ByteSource, start: Buffer): Promise<{ readonly name: string; readonly lengthBytes: number } | undefined> {
  const header = Buffer.concat([start, await source.take(headerBytes - start.length)]).toString("latin1");
  const magic = header.slice(0, 6);
  const bodyBytes = hexadecimal(header.slice(54, 62));
  const nameBytes = hexadecimal(header.slice(94, 102));
  if (header.length < headerBytes || (magic !== "070701" && magic !== "070702")) return undefined;
  if (bodyBytes === undefined || nameBytes === undefined || nameBytes < 1 || nameBytes > longestName) return undefined;
  const nameEnd = aligned(headerBytes + nameBytes);
  const name = await source.take(nameEnd - headerBytes);
  if (name.length < nameEnd - headerBytes || !(await skip(source, aligned(bodyBytes)))) return undefined;
  return { name: name.toString("latin1", 0, nameBytes - 1), lengthBytes: nameEnd + aligned(bodyBytes) };
}

async function skip(source: ByteSource, length: number): Promise<boolean> {
  for (let left = length; left > 0;) {
    const part = await source.some(left);
    if (part.length === 0) return false;
    left -= part.length;
  }
  return true;
}

function aligned(length: number): number {
  return Math.ceil(length / 4) * 4;
}

function hexadecimal(text: string): number | undefined {
  return /^[0-9A-Fa-f]{8}$/.test(text) ? Number.parseInt(text, 16) : undefined;
}
