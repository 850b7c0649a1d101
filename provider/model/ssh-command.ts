/** A command on a machine whose host key is known beforehand. */

export interface SshCommand {
  readonly port: number;
  readonly command: readonly string[];
  /** Folder with the key and the known hosts. */
  readonly directory: string;
  readonly keyFile: string;
  readonly knownHostsFile: string;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}
