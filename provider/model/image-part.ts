/** File systems inside files: where one lies, and what it is made with. */

/** Where in a folder's file a file system lies; relative names keep paths of this computer out of scripts. */
export interface ImagePart {
  readonly directory: string;
  readonly file: string;
  readonly offsetBytes: number;
  readonly signal: AbortSignal;
}

export interface Ext4Format extends ImagePart {
  readonly sizeBytes: number;
  readonly uuid: string;
  readonly hashSeed: string;
  readonly inodes: number;
  readonly journalBytes: number;
  readonly epochSeconds: number;
}
