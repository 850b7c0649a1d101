/** File systems that a program of their own formats and the kernel fills: what the two are told. */

export type MountedFilesystem = "xfs" | "btrfs";

/** As people write them. */
export const filesystemNames: Readonly<Record<MountedFilesystem, string>> = { xfs: "XFS", btrfs: "btrfs" };

export interface RootFormat {
  readonly directory: string;
  /** In the folder; has its size and holds nothing but zeros. */
  readonly file: string;
  readonly uuid: string;
  readonly label: string;
  readonly signal: AbortSignal;
}

/** Files in the folder of a filling, by what they hold. */
export const fillingFiles = { image: "root", mountPoint: "mounted", spool: "spool", tree: "tree" } as const;

export interface RootFilling {
  /** Holds what `fillingFiles` names. */
  readonly directory: string;
  readonly filesystem: MountedFilesystem;
  readonly signal: AbortSignal;
  readonly onDone: (bytes: number) => void;
}

/** What this process may do about mounting. */
export interface MountRights {
  readonly userId: number;
  /** User ids here are not the computer's own. */
  readonly userNamespace: boolean;
  readonly loopDevices: boolean;
}

/** A file with a file system in it, and the folder where it is seen. */
export interface LoopMount {
  readonly filesystem: MountedFilesystem;
  readonly file: string;
  readonly directory: string;
}

/** Whose name must be plain: it goes through an argument. */
export interface SpecialFile {
  readonly path: string;
  readonly kind: "character" | "block" | "fifo";
  readonly device: { readonly major: number; readonly minor: number };
}

/** Of a file whose name in its folder is plain; attributes' names have one character per byte. */
export interface FileAttributes {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, Uint8Array>;
}
