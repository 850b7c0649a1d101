/** Files for the guest, as the systemd credential `tmpfiles.extra`. Source: systemd tmpfiles.d(5), systemd.system-credentials(7). */
import { Failure } from "../failure.ts";

/** systemd takes no more in all credentials together (1 MiB), and some are its own. */
export const longestCredentialBytes = 1_000_000;

export interface GuestFile {
  readonly path: string;
  readonly content: string;
}

export interface GuestFiles {
  readonly machine: string;
  readonly files: readonly GuestFile[];
  /** Files of an earlier boot on the same disk that are wanted no more. */
  readonly gone: readonly string[];
}

export const authorizedKeysPath = "/root/.ssh/authorized_keys";

/**
 * `f+` and not `f`: a restart with another content on the same disk must change the file. Mode 0600, for root: a content
 * may be a secret, and a service that is not root gets it by LoadCredential=.
 */
export function tmpfilesText({ machine, files, gone }: GuestFiles): string {
  const folders = files.some(({ path }) => path === authorizedKeysPath) ? ["d /root/.ssh 0700 root root - -"] : [];
  const removed = gone.map((path) => `r ${quoted(path)} - - - - -`);
  const written = files.map(({ path, content }) => `f+~ ${quoted(path)} 0600 root root - ${Buffer.from(content).toString("base64")}`);
  const text = [...folders, ...removed, ...written].map((line) => `${line}\n`).join("");
  if (text.length <= longestCredentialBytes) return text;
  const size = Math.ceil(files.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0) / 1024);
  const message = `files of machine "${machine}" hold ${size} KiB in all; systemd credentials carry at most ${Math.floor((longestCredentialBytes * 3) / 4 / 1024)} KiB`;
  throw new Failure({ kind: "input", message, fix: "put large files into the image." });
}

/** A path as tmpfiles.d reads it: in quotes, `%` doubled since it starts a specifier. */
function quoted(path: string): string {
  const escaped = path.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%").replaceAll("\n", "\\n");
  return `"${escaped}"`;
}
