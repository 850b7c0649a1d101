/** The engines by name: which one makes a disk, and what each can make. */
import { stat } from "node:fs/promises";
import { Failure } from "../failure.ts";
import type { DiskFormat, DiskOptions } from "../model/disk.ts";
import type { DiskRequest, Images } from "../resources/ports.ts";
import { makeByBootc } from "./bootc-engine.ts";
import type { ContainerMaking } from "./container-making.ts";
import { makeDirectly } from "./direct-engine.ts";
import type { MadeDisk } from "./made-disk.ts";
import { digestFile } from "./file-digest.ts";
import type { FilesAlongside } from "./files-alongside.ts";
import { makeInstaller } from "./image-builder-engine.ts";
import type { DiskPrograms } from "./programs.ts";

export interface EngineMaking {
  readonly images: Images;
  /** With settled options. */
  readonly request: DiskRequest;
  readonly identity: string;
  readonly programs: DiskPrograms;
  /** Private, empty, and removed by whoever made it. */
  readonly directory: string;
  readonly alongside: FilesAlongside;
}

export async function makeWithEngine(making: EngineMaking): Promise<MadeDisk> {
  const { images, request, identity, programs, directory, alongside } = making;
  const { image: reference, options, signal, onProgress } = request;
  const open: ContainerMaking["open"] = (wanted) => images.open(wanted, options.platform, { signal, onProgress });
  const { engine } = options;
  if (engine !== "bootc" && engine !== "image-builder") {
    return makeDirectly({
      image: await open(reference),
      options,
      identity,
      directory,
      programs,
      signal,
      onProgress,
      inspect: request.inspect,
      alongside,
    });
  }
  const make = engine === "bootc" ? makeByBootc : makeInstaller;
  const path = await make({ reference, options, identity, open, programs, directory, signal, onProgress });
  const totalBytes = (await stat(path)).size;
  return { path, digest: await digestFile(path, { phase: "reading the disk back", totalBytes, signal, onProgress }) };
}

/** `options` are settled. */
export function checkEngine({ engine, bootLoader }: DiskOptions): void {
  if (engine === "linuxkit") {
    throw notWritten(
      'disk.engine is "linuxkit", which this provider does not have yet; use auto, direct, bootc or image-builder.',
      "set disk.engine to auto, or leave it out.",
    );
  }
  if (bootLoader !== undefined && (engine === "bootc" || engine === "image-builder")) {
    throw notWritten(
      `disk.bootLoader is for the engine direct; the engine ${engine} takes the image's own.`,
      "leave disk.bootLoader out, or set disk.engine to direct.",
    );
  }
}

/** An installer is no disk, and a disk no installer. */
export function checkFormat(format: DiskFormat, engine: DiskOptions["engine"]): void {
  if ((format === "iso") === (engine === "image-builder")) return;
  const what = format === "iso" ? "is written by the engine image-builder only" : "is not written by the engine image-builder, only iso is";
  throw notWritten(`format "${format}" ${what}.`, "change formats, or disk.engine.");
}

function notWritten(message: string, fix: string): Failure {
  return new Failure({ kind: "input", code: "not-supported", message, fix });
}
