/** What is laid into every guest before its packages are configured. */
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { enabledUnits, maskedUnits } from "./guest-units.mjs";

const files = {
  "etc/systemd/network/80-dhcp.network":
    "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n\n[DHCPv4]\nUseDomains=no\n",
  "etc/systemd/journald.conf.d/10-volatile.conf": "[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\n",
  "etc/modules-load.d/10-machine.conf": "virtio_net\nbutton\nevdev\n",
  // Devices that something here waits for; the rest would only load modules.
  "etc/systemd/system/systemd-udev-trigger.service.d/10-few.conf":
    "[Service]\nExecStart=\nExecStart=-udevadm trigger --type=devices --action=add --subsystem-match=net --subsystem-match=block --subsystem-match=input --subsystem-match=tty\n",
  // The network first: logins can wait for it, a page cannot.
  "etc/systemd/system/systemd-logind.service.d/10-later.conf": "[Unit]\nAfter=systemd-networkd.service\n",
  "etc/systemd/system/sshd-keygen.service.d/10-later.conf": "[Unit]\nAfter=systemd-networkd.service\n",
  // Debian makes host keys only where systemd sees a first boot; here each guest without them makes its own.
  "etc/systemd/system/sshd-keygen.service.d/10-missing.conf":
    "[Unit]\nConditionFirstBoot=\nConditionPathExists=!/etc/ssh/ssh_host_ed25519_key\n\n[Service]\nExecStart=\nExecStart=ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key\n",
  "etc/fstab": "",
  "etc/hostname": "guest\n",
  "etc/machine-id": "",
};

/**
 * Lays these files, and those of the guest alone, into a folder.
 * @param {string} folder
 * @param {Record<string, string>} own text by path
 */
export async function layFiles(folder, own) {
  for (const [path, text] of Object.entries({ ...files, ...own })) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const units = join(folder, "etc/systemd/system");
  await mkdir(units, { recursive: true });
  await mkdir(join(folder, "etc/systemd/system-generators"), { recursive: true });
  await symlink("/dev/null", join(folder, "etc/systemd/system-generators/systemd-ssh-generator"));
  for (const unit of maskedUnits) await symlink("/dev/null", join(units, unit));
  for (const [target, names] of Object.entries(enabledUnits)) {
    await mkdir(join(units, target), { recursive: true });
    for (const name of names) await symlink(`/usr/lib/systemd/system/${name}`, join(units, target, name));
  }
}
