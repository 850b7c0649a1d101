/** Where this provider keeps files on this computer, by the XDG base directory specification. */
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

function base(variable: string, fallback: string): string {
  const set = process.env[variable];
  return set !== undefined && isAbsolute(set) ? set : join(homedir(), fallback);
}

/** What must not be lost: the image store. `$XDG_DATA_HOME/bootable`. */
export function dataDirectory(): string {
  return join(base("XDG_DATA_HOME", ".local/share"), "bootable");
}

/** What can be made again: disks, the stat cache. `$XDG_CACHE_HOME/bootable`. */
export function cacheDirectory(): string {
  return join(base("XDG_CACHE_HOME", ".cache"), "bootable");
}

/** What belongs to running machines: overlays, consoles, records. `$XDG_STATE_HOME/bootable`. */
export function stateDirectory(): string {
  return join(base("XDG_STATE_HOME", ".local/state"), "bootable");
}
