/**
 * Makes the root file system that guests of the quickstart and of the tests are built on: a Debian 13 that boots fast
 * under emulation. `node base-rootfs.mjs OUTPUT.tar`; the tar is the only layer of an image: `FROM scratch`, `ADD base.tar /`.
 * The mirror is the one that this computer's apt uses; its keys are those of the debian-archive-keyring package.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const suite = "trixie";
const packages = [
  "systemd-sysv",
  "udev",
  "dbus", // logind needs it to answer the ACPI power button
  "kmod",
  "linux-image-cloud-amd64",
  "tiny-initramfs",
  "xz-utils", // unpacks the module for the initramfs
  "systemd-boot-efi",
  "openssh-server",
  "busybox-static",
];

/** Not needed in a guest that serves one page, and dear where every instruction is emulated. */
const maskedUnits = [
  "apt-daily.timer",
  "apt-daily-upgrade.timer",
  "dpkg-db-backup.timer",
  "fstrim.timer",
  "e2scrub_all.timer",
  "e2scrub_reap.service",
  "systemd-tmpfiles-clean.timer",
  "getty.target",
  "getty@tty1.service",
  "serial-getty@ttyS0.service",
  "remote-fs.target",
  "modprobe@configfs.service",
  "modprobe@drm.service",
  "modprobe@efi_pstore.service",
  "modprobe@fuse.service",
  "sys-kernel-config.mount",
  "sys-kernel-debug.mount",
  "sys-kernel-tracing.mount",
  "sys-fs-fuse-connections.mount",
  "dev-hugepages.mount",
  "dev-mqueue.mount",
  "proc-sys-fs-binfmt_misc.automount",
  "systemd-binfmt.service",
  "systemd-pstore.service",
  "systemd-networkd-persistent-storage.service",
  "systemd-hostnamed.socket",
  "systemd-rfkill.socket",
  "systemd-tpm2-setup.service",
  "systemd-tpm2-setup-early.service",
  "systemd-pcrmachine.service",
  "systemd-pcrphase.service",
  "systemd-pcrphase-sysinit.service",
  "systemd-pcrextend.socket",
  "systemd-pcrlock.socket",
  "systemd-creds.socket",
  "systemd-bootctl.socket",
  "systemd-sysext.socket",
  "systemd-mute-console.socket",
  "systemd-factory-reset.socket",
  "kmod-static-nodes.service",
  "systemd-ask-password-console.path",
  "systemd-ask-password-wall.path",
  "systemd-journal-flush.service",
  "systemd-random-seed.service", // virtio-rng is there from the start
  "systemd-remount-fs.service", // mounted as it stays
  "systemd-tmpfiles-setup-dev-early.service",
  "systemd-tmpfiles-setup-dev.service",
  "systemd-udev-load-credentials.service",
  // What systemd redoes when /usr is newer than /etc: done while the image was built.
  "ldconfig.service",
  "systemd-hwdb-update.service",
  "systemd-journal-catalog-update.service",
  "systemd-update-done.service",
];

/**
 * The initramfs is one busybox, one module and this: udev in an initramfs costs more seconds under emulation than all
 * the rest of it, and the init of tiny-initramfs knows neither PARTUUID nor the lack of a serial console.
 */
const init = `#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs devtmpfs /dev
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
for module in /*.ko; do $b insmod "$module"; done
root= mode=ro init=/sbin/init
for word in $($b cat /proc/cmdline); do
  case "$word" in
    root=*) root="\${word#root=}" ;;
    ro | rw) mode="$word" ;;
    init=*) init="\${word#init=}" ;;
  esac
done
# As the partition table writes it: the first three groups of digits byte by byte from the right.
wanted=$(echo "\${root#PARTUUID=}" | $b tr A-F a-f | $b sed -E 's/^(..)(..)(..)(..)-(..)(..)-(..)(..)-/\\4\\3\\2\\1\\6\\5\\8\\7/; s/-//g')
by_partition() {
  for entry in /sys/class/block/*/partition; do
    [ -e "$entry" ] || continue
    folder="\${entry%/partition}"
    link=$($b readlink -f "$folder/..")
    # The table begins at the third sector, an entry has 128 bytes, its second 16 are the partition's own.
    skip=$((64 + ($($b cat "$entry") - 1) * 8 + 1))
    seen=$($b dd if="/dev/\${link##*/}" bs=16 skip=$skip count=1 2>/dev/null | $b hexdump -v -e '1/1 "%02x"')
    [ "$seen" != "$wanted" ] || echo "/dev/\${folder##*/}"
  done
}
find_root() {
  case "$root" in
    PARTUUID=*) by_partition ;;
    UUID=* | LABEL=*) $b findfs "$root" ;;
    *) [ ! -b "$root" ] || echo "$root" ;;
  esac
}
tries=0
while [ $tries -lt 600 ]; do
  device=$(find_root 2>/dev/null)
  [ -z "$device" ] || break
  $b usleep 50000
  tries=$((tries + 1))
done
$b mount -o "$mode" "$device" /target || { echo "initramfs: no root file system at $root"; $b sleep 3600; }
$b mount --move /dev /target/dev
$b umount /proc /sys
exec $b switch_root /target "$init"
`;

/** Sourced by mktirfs when the image is half made. */
const initramfsHook = `mkdir -p "$initramfs_dir/bin" "$initramfs_dir/sys"
cp /usr/bin/busybox "$initramfs_dir/bin/busybox"
cp /etc/tiny-initramfs/init "$initramfs_dir/init"
chmod 755 "$initramfs_dir/init"
`;

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
  "etc/tiny-initramfs/tiny-initramfs.conf": "AUTO_MODULES=no\nINCLUDE_MODULES=virtio_blk\nMICROCODE=no\n",
  "etc/tiny-initramfs/init": init,
  "etc/tiny-initramfs/hooks.middle/busybox": initramfsHook,
  "etc/fstab": "",
  "etc/hostname": "guest\n",
  "etc/machine-id": "",
};
const enabledUnits = { "multi-user.target.wants": ["systemd-networkd.service"] };

const leftOut = ["doc", "man", "info", "locale", "lintian", "bug", "i18n"].map((folder) => `/usr/share/${folder}/*`);

/** Wiped at the end: what differs from run to run or must differ from guest to guest. */
const wiped = ["/var/log/*", "/var/cache/*", "/var/lib/systemd/random-seed", "/var/lib/dbus/machine-id", "/etc/ssh/ssh_host_*", "/tmp/*"];

function run(program, args, options = {}) {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...options.env } });
    let output = "";
    child.stdout.on("data", (bytes) => (output += bytes));
    child.once("error", (error) => fail(new Error(`${program}: ${error.message}`)));
    child.once("close", (code) => (code === 0 ? done(output) : fail(new Error(`${program} ended with exit code ${code}.`))));
  });
}

/** The archive that this computer installs Debian from, as apt sees it. */
async function debianMirror() {
  const list = async () => {
    const text = await run("apt-get", ["indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(CREATED_BY)|$(SITE)"]);
    return text
      .split("\n")
      .map((line) => line.split("|"))
      .find(([origin, label, by]) => origin === "Debian" && label === "Debian" && by === "Packages");
  };
  let found = await list();
  if (found === undefined) {
    await run("apt-get", ["update", "-q"]);
    found = await list();
  }
  if (found === undefined)
    throw new Error("apt on this computer has no Debian archive among its sources, so there is nothing to bootstrap a guest from.");
  return found[3];
}

/** How apt reaches that archive: proxies and the like. */
async function transportOptions() {
  const text = await run("apt-config", ["dump", "Acquire::http", "Acquire::https"]);
  return text
    .split("\n")
    .filter((line) => /^Acquire::https?::[\w:.-]+ "[^"]+";$/.test(line))
    .map((line) => `--aptopt=${line}`);
}

async function layFiles(folder) {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const units = join(folder, "etc/systemd/system");
  await mkdir(units, { recursive: true });
  await mkdir(join(folder, "etc/systemd/system-generators"));
  await symlink("/dev/null", join(folder, "etc/systemd/system-generators/systemd-ssh-generator"));
  for (const unit of maskedUnits) await symlink("/dev/null", join(units, unit));
  for (const [target, names] of Object.entries(enabledUnits)) {
    await mkdir(join(units, target), { recursive: true });
    for (const name of names) await symlink(`/usr/lib/systemd/system/${name}`, join(units, target, name));
  }
}

async function main() {
  const output = resolve(process.argv[2] ?? "base.tar");
  const scratch = await mkdtemp(join(tmpdir(), "bootable-guest-"));
  const folder = join(scratch, "files");
  try {
    await mkdir(folder, { mode: 0o755 });
    await layFiles(folder);
    await run(
      "mmdebstrap",
      [
        "--variant=minbase",
        "--architectures=amd64",
        `--include=${packages.join(",")}`,
        "--format=tar",
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Languages "none"',
        ...(await transportOptions()),
        ...leftOut.map((path) => `--dpkgopt=path-exclude=${path}`),
        "--dpkgopt=force-confold",
        `--essential-hook=sync-in ${folder} /`,
        `--customize-hook=cd "$1" && rm -rf ${wiped.map((path) => path.slice(1)).join(" ")} && : > etc/machine-id`,
        suite,
        output,
        await debianMirror(),
      ],
      { env: { SOURCE_DATE_EPOCH: "1767225600", TMPDIR: tmpdir() } },
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
