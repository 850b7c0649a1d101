/** What can go wrong while a context is read, in the user's words. */
import { Failure } from "../failure.ts";
import { shownPath } from "./path-bytes.ts";

/** A file that was listed and then was not there: the listing is made once more. */
export class Vanished extends Error {
  readonly path: string;

  constructor(path: string) {
    super(`${path} vanished`);
    this.path = path;
  }
}

/** What reading `path` failed with; ENOENT is `Vanished`, since only listed paths are read. */
export function readingFailure(path: string, thrown: unknown): Error {
  const code = (thrown as NodeJS.ErrnoException).code ?? "";
  if (code === "ENOENT" || code === "ENOTDIR") return new Vanished(path);
  if (!["EACCES", "EPERM", "EIO", "ELOOP", "ENAMETOOLONG", "ESTALE"].includes(code)) return thrown as Error;
  const reason = code === "EACCES" || code === "EPERM" ? "permission denied" : "the disk answered an error";
  return new Failure({
    kind: "environment",
    message: `${shownPath(path)} in the build context cannot be read: ${reason} (${code}).`,
    fix: "make it readable, or name it in the ignore file if the build does not need it.",
    cause: thrown,
  });
}

export function restless(path: string, how: "vanished" | "changed"): Failure {
  const what = how === "vanished" ? "was listed and then was not there, twice in a row" : "changed again and again while it was read";
  return new Failure({
    kind: "input",
    message: `${shownPath(path)} in the build context ${what}.`,
    fix: "wait until nothing writes to the context, or name what does in the ignore file.",
  });
}
