/** Where this provider keeps files on this computer, by the XDG base directory specification. */
import { userInfo } from "node:os";
import { isAbsolute, join } from "node:path";
import { Failure } from "../failure.ts";

export interface OwnDirectories {
  /** What must not be lost: the image store. `$XDG_DATA_HOME/bootable`. */
  readonly data: string;
  /** What can be made again: disks, the stat cache. `$XDG_CACHE_HOME/bootable`. */
  readonly cache: string;
  /** What belongs to running machines: overlays, consoles, records. `$XDG_STATE_HOME/bootable`. */
  readonly state: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function ownDirectories(environment: Environment = process.env): OwnDirectories {
  const below = (variable: string, fallback: string): string => {
    const base = absolute(environment[variable]) ?? join(home(environment, variable), fallback);
    return join(base, "bootable");
  };
  return {
    data: below("XDG_DATA_HOME", ".local/share"),
    cache: below("XDG_CACHE_HOME", ".cache"),
    state: below("XDG_STATE_HOME", ".local/state"),
  };
}

/** The specification has relative paths ignored; a home that is one would lead into whatever folder pulumi runs in. */
function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}

function home(environment: Environment, variable: string): string {
  const known = absolute(environment["HOME"]) ?? absolute(homeOfUser());
  if (known !== undefined) return known;
  throw new Failure({
    kind: "environment",
    message: `Neither ${variable} nor HOME is set to an absolute path, and user ${process.getuid?.() ?? ""} of this computer has no home folder.`,
    fix: "set HOME to a folder that you may write to.",
  });
}

function homeOfUser(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    // Containers run as users that no list of users has.
    return undefined;
  }
}
