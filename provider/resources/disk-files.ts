/** The files of a Disk: written one by one, so that what is there is known whenever one of them fails. */
import { basename, join } from "node:path";
import { asFailure, retell, type Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import type { DiskFormat } from "../model/disk.ts";
import type { Checked } from "../spec/handlers.ts";
import { known } from "../spec/known.ts";
import type { Change } from "../spec/served.ts";
import type { DiskRequest, Disks, ExportedFile } from "./ports.ts";

export interface DiskFilePorts {
  readonly disks: Disks;
  /** Relative paths start where the program runs. Not there is success. */
  readonly removeFile: (path: string) => Promise<void>;
}

interface DiskFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly digest: string;
}

/** By format. */
type Files = Readonly<Record<string, DiskFile>>;

/** A run that could not write all files says so in its outputs, which a refresh keeps. */
export function missingFiles(formats: Checked<readonly DiskFormat[]>, files: Files): readonly Change[] {
  const missing = (known<readonly DiskFormat[]>(formats) ?? []).filter((format) => !Object.hasOwn(files, format));
  return missing.map((format) => ({ path: ["files", format], kind: "add", inputDiff: false }));
}

interface Writing {
  readonly request: DiskRequest & { readonly directory: string; readonly baseName: string };
  readonly formats: readonly DiskFormat[];
  readonly old: Files;
}

interface Written {
  readonly files: Files;
  readonly incomplete?: Failure;
}

/** At every moment `files` names what is there: the former file of a format goes once its successor is. */
export async function writeFiles(ports: DiskFilePorts, { request, formats, old }: Writing): Promise<Written> {
  const files: Record<string, DiskFile> = { ...old };
  const written: string[] = [];
  try {
    for (const format of formats) {
      const file = entryOf(request.directory, await ports.disks.export({ ...request, format }));
      const former = files[format];
      files[format] = file;
      written.push(file.path);
      if (former !== undefined && former.path !== file.path) await ports.removeFile(former.path);
    }
    for (const [format, { path }] of Object.entries(files)) {
      if (formats.some((wanted) => wanted === format)) continue;
      await ports.removeFile(path);
      delete files[format];
    }
  } catch (thrown) {
    // Nothing new lies there: the run has changed nothing.
    if (written.length === 0) throw thrown;
    return { files, incomplete: halfWritten(asFailure(thrown), written) };
  }
  return { files };
}

/** As the user wrote the folder: state must not hold where a checkout lies on one computer. */
function entryOf(directory: string, { path, sizeBytes, digest }: ExportedFile): DiskFile & { readonly digest: Digest } {
  return { path: join(directory, basename(path)), sizeBytes, digest };
}

function halfWritten(cause: Failure, written: readonly string[]): Failure {
  return retell(cause, { message: `${cause.message} Written so far: ${written.join(", ")}; the next run goes on.` });
}
