/** The ways into a machine that an image has by itself. Which they are is told, never what they are. */
import type { ImageFacts } from "../model/image-check-facts.ts";
import type { ImageTree } from "./preflight-tree.ts";

export async function readLogins(tree: ImageTree): Promise<ImageFacts["logins"]> {
  const found: ImageFacts["logins"][number][] = [];
  if (await hasKeys(tree)) found.push("authorized-keys");
  if (await hasPassword(tree)) found.push("password");
  if (await trustsOthers(tree)) found.push("certificate");
  return found;
}

const keyFolders = ["/etc/ssh/authorized_keys", "/etc/ssh/authorized_keys.d"];

async function hasKeys(tree: ImageTree): Promise<boolean> {
  const accounts = (await tree.text("/etc/passwd")).split("\n").map((line) => line.split(":"));
  const homes = new Set(accounts.flatMap(([, , , , , home]) => (home?.startsWith("/") === true ? [home] : [])));
  const files = ["authorized_keys", "authorized_keys2"];
  const paths = [
    ...[...homes].flatMap((home) => files.map((name) => `${home}/.ssh/${name}`)),
    ...keyFolders.flatMap((folder) => tree.names(folder).map((name) => `${folder}/${name}`)),
  ];
  for (const path of paths) if (/^\s*[^#\s]/m.test(await tree.text(path))) return true;
  return false;
}

/** A field that begins with `!` or `*` locks the password; an empty one lets in without any. */
async function hasPassword(tree: ImageTree): Promise<boolean> {
  const lines = (await tree.text("/etc/shadow")).split("\n").filter((line) => line.includes(":"));
  return lines.some((line) => !/^[!*]/.test(line.split(":")[1] ?? "*"));
}

/** Keys that sshd asks a program for, and certificates. */
async function trustsOthers(tree: ImageTree): Promise<boolean> {
  const folder = "/etc/ssh/sshd_config.d";
  for (const path of ["/etc/ssh/sshd_config", ...tree.names(folder).map((name) => `${folder}/${name}`)]) {
    if (/^\s*(?:AuthorizedKeysCommand|TrustedUserCAKeys)\s+\//im.test(await tree.text(path))) return true;
  }
  return false;
}
