/** mtools: FAT file systems inside files, made and filled without rights. */
import type { ImagePart } from "../model/image-part.ts";
import type { RunProgram } from "../model/program.ts";

interface Part extends ImagePart {
  readonly epochSeconds: number;
}

interface Format extends Part {
  readonly sizeBytes: number;
  readonly label: string;
  readonly serial: string;
}

const sectorBytes = 512;
const purpose = "to write an EFI system partition";

/** FAT32 with clusters of one sector, whatever the size would suggest: firmware must read it, and small ones must be FAT32 too. */
export function mformatArgs({
  file,
  offsetBytes,
  sizeBytes,
  label,
  serial,
}: Omit<Format, "directory" | "signal" | "epochSeconds">): string[] {
  const geometry = ["-T", String(sizeBytes / sectorBytes), "-h", "64", "-s", "32", "-H", String(offsetBytes / sectorBytes)];
  return ["-i", `${file}@@${offsetBytes}`, "-F", "-c", "1", ...geometry, "-N", serial, "-v", label, "::"];
}

export function mmdArgs(file: string, offsetBytes: number, paths: readonly string[]): string[] {
  return ["-i", `${file}@@${offsetBytes}`, ...paths.map((path) => `::/${path}`)];
}

export function mcopyArgs(file: string, offsetBytes: number, copy: { readonly from: string; readonly to: string }): string[] {
  return ["-i", `${file}@@${offsetBytes}`, copy.from, `::/${copy.to}`];
}

export function mtools(run: RunProgram): {
  format(request: Format): Promise<void>;
  makeDirectories(request: Part & { readonly paths: readonly string[] }): Promise<void>;
  copyIn(request: Part & { readonly files: readonly { readonly from: string; readonly to: string }[] }): Promise<void>;
} {
  const start = async (program: string, args: readonly string[], { directory, signal, epochSeconds }: Part): Promise<void> => {
    // FAT has local times: the zone is part of the bytes.
    const environment = { SOURCE_DATE_EPOCH: String(epochSeconds), TZ: "UTC", MTOOLSRC: "/dev/null" };
    await run({ program, args, purpose, workingDirectory: directory, environment, signal });
  };
  return {
    format: (request) => start("mformat", mformatArgs(request), request),
    makeDirectories: (request) => start("mmd", mmdArgs(request.file, request.offsetBytes, request.paths), request),
    copyIn: async (request) => {
      for (const copy of request.files) await start("mcopy", mcopyArgs(request.file, request.offsetBytes, copy), request);
    },
  };
}
