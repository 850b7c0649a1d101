/** The files that disks are written to for users: which writer a format has, where its file lies, and what is known of it. */
import { join, resolve } from "node:path";
import { Failure } from "../failure.ts";
import { diskFormats, type DiskFormat } from "../model/disk.ts";
import type { FormatWriter } from "./format-writer.ts";
import { gce } from "./gce.ts";
import { iso } from "./iso.ts";
import { qcow2 } from "./qcow2.ts";
import { raw } from "./raw.ts";
import { vhd } from "./vhd.ts";
import { vmdk } from "./vmdk.ts";

const writers: Readonly<Record<DiskFormat, FormatWriter>> = { raw, qcow2, vhd, vmdk, gce, iso };

export interface WantedFile {
  readonly format: DiskFormat;
  /** Folder that receives the file; made when missing. */
  readonly directory: string;
  /** File name without extension. */
  readonly baseName: string;
}

export interface FormatFile {
  readonly writer: FormatWriter;
  readonly path: string;
  readonly fileName: string;
  /** What the file holds when it was written from that disk. */
  readonly content: string;
}

export function formatFile({ format, directory, baseName }: WantedFile, identity: string): FormatFile {
  const writer = writerOf(format);
  const fileName = `${checkedName(baseName)}${writer.extension}`;
  return { writer, path: join(resolve(directory), fileName), fileName, content: `${identity} ${format} ${writer.version}` };
}

function writerOf(format: string): FormatWriter {
  const writer = Object.entries(writers).find(([name]) => name === format)?.[1];
  if (writer !== undefined) return writer;
  throw new Failure({
    kind: "input",
    code: "unknown-format",
    message: `format "${format}" is not one this provider can write; use ${diskFormats.slice(0, -1).join(", ")} or ${diskFormats.at(-1)}.`,
    fix: "change formats.",
  });
}

function checkedName(name: string): string {
  if (name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name)) return name;
  throw new Failure({
    kind: "input",
    code: "file-name",
    message: `"${name}" cannot be the name of a file.`,
    fix: "use a name without slashes.",
  });
}
