/** Whether a user without rights has the ranges of ids that RUN steps need for the users inside an image. */
import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";

export interface UnprivilegedUser {
  readonly uid: number;
  readonly username: string;
}

/** The command that gives them, or undefined when nothing is missing or it cannot be told. Linux only. */
export async function missingIds(user = currentUser(), files = ["/etc/subuid", "/etc/subgid"]): Promise<string | undefined> {
  if (user === undefined || user.uid === 0 || process.platform !== "linux") return undefined;
  const texts = await Promise.all(files.map((path) => readFile(path, "utf8").catch(() => "")));
  if (texts.every((text) => hasRange(text, user))) return undefined;
  return `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user.username}`;
}

/** Lines are `user:first:count`; the user may be a name or a number. */
function hasRange(text: string, { uid, username }: UnprivilegedUser): boolean {
  return text.split("\n").some((line) => {
    const [name, , count] = line.split(":");
    return (name === username || name === String(uid)) && Number(count) > 1;
  });
}

function currentUser(): UnprivilegedUser | undefined {
  try {
    return userInfo();
  } catch {
    return undefined;
  }
}
