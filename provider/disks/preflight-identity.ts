/** What only one machine may have, and an image may not: identities, keys, seeds, the UUIDs of other disks. */
import type { RequiredMount } from "../model/image-check-facts.ts";
import type { ImageTree } from "./preflight-tree.ts";
import { lookUp } from "./tree-lookup.ts";

/** An empty /etc/machine-id is filled from the other file. */
const machineIdFiles = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/** Paths of the files that hold an id; two names of one file are one. */
export async function readMachineIds(tree: ImageTree): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of machineIdFiles) {
    const same = found.some((other) => lookUp(tree.root, other) === lookUp(tree.root, path));
    if (!same && /^[0-9a-f]{32}\s*$/.test(await tree.text(path))) found.push(path);
  }
  return found;
}

export function findSshHostKeys(tree: ImageTree): readonly string[] {
  const openSsh = tree.names("/etc/ssh").filter((name) => /^ssh_host_.+_key$/.test(name));
  const dropbear = tree.names("/etc/dropbear").filter((name) => /^dropbear_.+_host_key$/.test(name));
  const paths = [...openSsh.map((name) => `/etc/ssh/${name}`), ...dropbear.map((name) => `/etc/dropbear/${name}`)];
  return paths.filter((path) => tree.body(path) !== undefined);
}

const seeds = ["/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed", "/boot/loader/random-seed", "/efi/loader/random-seed"];

export function findRandomSeeds(tree: ImageTree): readonly string[] {
  return seeds.filter((path) => tree.body(path) !== undefined);
}

/** On the system disk whatever else a machine has. */
const ownMounts = ["/", "/boot", "/boot/efi", "/efi"];

export async function readUuidMounts(tree: ImageTree): Promise<readonly RequiredMount[]> {
  const lines = (await tree.text("/etc/fstab")).split("\n").map((line) => line.trim().split(/\s+/));
  return lines.flatMap(([device = "", mountPoint = "", , options = ""]) => {
    const byUuid = /^(?:PART)?UUID=|^\/dev\/disk\/by-(?:part)?uuid\//.test(device);
    const waits = !options.split(",").some((option) => ["noauto", "nofail", "x-systemd.automount"].includes(option));
    return byUuid && waits && ownMounts.includes(mountPoint) ? [{ mountPoint, device }] : [];
  });
}
