/** File systems inside files: where one lies. */

/** Where in a folder's file a file system lies; relative names keep paths of this computer out of scripts. */
export interface ImagePart {
  readonly directory: string;
  readonly file: string;
  readonly offsetBytes: number;
  readonly signal: AbortSignal;
}
