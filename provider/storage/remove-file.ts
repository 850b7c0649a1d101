/** Removes a file that was written for a user. */
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { Failure } from "../failure.ts";

/** Not there is success. */
export async function removeFile(path: string): Promise<void> {
  try {
    await rm(resolve(path), { force: true });
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? String(thrown);
    throw new Failure({
      kind: "environment",
      code: "remove",
      message: `File ${path} could not be removed (${code === "ERR_FS_EISDIR" ? "it is a folder" : code}).`,
      fix: "make its folder writable, or remove it yourself, then run pulumi up again.",
      cause: thrown,
    });
  }
}
