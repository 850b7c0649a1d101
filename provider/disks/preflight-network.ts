/** What sets up a machine's network, found where Debian, Ubuntu and Fedora keep it. */
import { enabledUnits, overlaid, type ImageTree } from "./preflight-tree.ts";

/** Their services ask for addresses by DHCP wherever nobody says otherwise. */
const managers: Readonly<Record<string, string>> = {
  "NetworkManager.service": "NetworkManager",
  "dhcpcd.service": "dhcpcd",
  "connman.service": "connman",
  "wicked.service": "wicked",
};

/** Names of what brings addresses, by DHCP or from a file of the image. */
export async function readNetwork(tree: ImageTree): Promise<readonly string[]> {
  const enabled = enabledUnits(tree);
  const found = Object.entries(managers).flatMap(([unit, name]) => (enabled.has(unit) ? [name] : []));
  if (enabled.has("systemd-networkd.service") && (await hasNetworkFile(tree))) found.push("systemd-networkd");
  if (tree.has("/usr/sbin/ifup") && (await hasInterface(tree))) found.push("ifupdown");
  if (tree.has("/usr/sbin/netplan") && overlaid(tree, ["/etc/netplan", "/usr/lib/netplan"], ".yaml").length > 0) found.push("netplan");
  if (tree.has("/usr/bin/cloud-init")) found.push("cloud-init");
  return found;
}

const networkDirectories = ["/etc/systemd/network", "/usr/local/lib/systemd/network", "/usr/lib/systemd/network"];

/** systemd's own files are for containers and their links, which a machine has not. */
async function hasNetworkFile(tree: ImageTree): Promise<boolean> {
  for (const path of overlaid(tree, networkDirectories, ".network")) {
    const text = await tree.text(path);
    const forOthers =
      /^\s*(?:Virtualization\s*=\s*container|Kind\s*=|Type\s*=\s*(?:wlan|wwan)|(?:Original)?Name\s*=\s*(?:lo|host0|v[ebz]-))/m;
    const addressed = /^\s*(?:DHCP\s*=\s*(?:yes|true|on|1|both|v4|v6|ipv4|ipv6)\b|Address\s*=)/im;
    if (!forOthers.test(text) && addressed.test(text)) return true;
  }
  return false;
}

async function hasInterface(tree: ImageTree): Promise<boolean> {
  const folder = "/etc/network/interfaces.d";
  for (const path of ["/etc/network/interfaces", ...tree.names(folder).map((name) => `${folder}/${name}`)]) {
    if (/^\s*iface\s+(?!lo\s)\S+\s+inet6?\s+(?:dhcp|auto|static)\b/m.test(await tree.text(path))) return true;
  }
  return false;
}

export function hasSerialGetty(tree: ImageTree): boolean {
  return [...enabledUnits(tree)].some((unit) => /^serial-getty@(?:tty(?:S|AMA)|hvc)\d+\.service$/.test(unit));
}
