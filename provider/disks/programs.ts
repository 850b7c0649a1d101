/** What this room needs of other people's programs. The files of `tools/` fit these shapes; main.ts joins the two. */
import type { Ext4Format, ImagePart } from "../model/image-part.ts";

export interface Ext4Programs {
  /** Makes an empty file system in a part of a file that holds nothing but zeros. */
  format(request: Ext4Format): Promise<void>;
  /** Runs debugfs commands, one a line, on the file system; every complaint is a failure. */
  edit(request: ImagePart & { readonly script: string; readonly epochSeconds: number; readonly onCommand: () => void }): Promise<void>;
  /** Runs one debugfs command, which may hold line breaks. */
  editOnce(request: ImagePart & { readonly command: string; readonly epochSeconds: number }): Promise<void>;
}

export interface FatFormat extends ImagePart {
  readonly sizeBytes: number;
  readonly label: string;
  /** 8 hex digits. */
  readonly serial: string;
  readonly epochSeconds: number;
}

export interface FatFile {
  /** Path in the file system, with forward slashes. */
  readonly to: string;
  /** Path on this computer, relative to the part's folder. */
  readonly from: string;
}

export interface FatPrograms {
  format(request: FatFormat): Promise<void>;
  makeDirectories(request: ImagePart & { readonly paths: readonly string[]; readonly epochSeconds: number }): Promise<void>;
  copyIn(request: ImagePart & { readonly files: readonly FatFile[]; readonly epochSeconds: number }): Promise<void>;
}

export interface DiskConverter {
  convert(format: "qcow2" | "vmdk", files: { readonly from: string; readonly to: string }, signal: AbortSignal): Promise<void>;
}

export interface FileCopier {
  /** Keeps holes, and shares blocks where it can. Into a file that is there already, so that its mode stays. */
  sparseCopy(from: string, to: string, signal: AbortSignal): Promise<void>;
}

export interface DiskPrograms {
  readonly ext4: Ext4Programs;
  readonly fat: FatPrograms;
  readonly converter: DiskConverter;
  readonly copier: FileCopier;
}
