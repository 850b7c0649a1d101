/** SSH keys of a machine whose port 22 is forwarded: a host key known beforehand, and one to check its health with. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../storage/atomic-file.ts";
import type { MachineSettings } from "../model/machine.ts";
import { authorizedKeysPath, type GuestFile } from "./qemu-credentials.ts";
import { exists } from "./qemu-files.ts";
import type { SshPrograms } from "./qemu-programs.ts";
import { inside } from "./qemu-record.ts";

export interface KeysRequest {
  readonly folder: string;
  readonly machine: string;
  readonly ssh: SshPrograms;
  readonly signal: AbortSignal;
}

const hostKeyPath = "/etc/ssh/ssh_host_ed25519_key";

/** The user's files and keys, and ours beside them. Keys are made once for each machine. */
export async function guestFiles(request: KeysRequest, settings: MachineSettings): Promise<readonly GuestFile[]> {
  const files = new Map(Object.entries(settings.files));
  const keys = [...settings.sshAuthorizedKeys];
  if ("22" in settings.ports) {
    const hostKey = await ensureKey(request, inside.hostKey);
    const healthKey = await ensureKey(request, inside.healthKey);
    await replaceFile(join(request.folder, inside.knownHosts), `machine ${hostKey.public}\n`);
    files.set(hostKeyPath, hostKey.private).set(`${hostKeyPath}.pub`, `${hostKey.public}\n`);
    keys.push(healthKey.public);
  }
  const lines = keys.map((key) => `${key.trim()}\n`).join("");
  if (lines !== "") files.set(authorizedKeysPath, `${files.get(authorizedKeysPath) ?? ""}${lines}`);
  return [...files].map(([path, content]) => ({ path, content }));
}

async function ensureKey({ folder, machine, ssh, signal }: KeysRequest, file: string): Promise<{ private: string; public: string }> {
  if (!(await exists(join(folder, `${file}.pub`)))) {
    const comment = `bootable-${machine}`;
    // Half a pair, left by a crash.
    await rm(join(folder, file), { force: true });
    await ssh.createKey({ directory: folder, file, comment, signal });
  }
  const read = (name: string): Promise<string> => readFile(join(folder, name), "utf8");
  return { private: await read(file), public: (await read(`${file}.pub`)).trim() };
}
