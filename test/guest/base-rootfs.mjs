/**
 * Makes the root file system that guests of the quickstart and of the tests are built on: a Debian that boots fast
 * under emulation. `node base-rootfs.mjs OUTPUT.tar SUITE`; the tar is the only layer of an image: `FROM scratch`, `ADD base.tar /`.
 * The mirror is the one that this computer's apt uses; its keys are those of the debian-archive-keyring package.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { bootstrap, cleaning, unread } from "./debian-archive.mjs";
import { layFiles } from "./guest-files.mjs";
import { tinyInitramfs } from "./initramfs.mjs";

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

/** Debian 12 makes SSH host keys when the package is configured, and has no unit for it. */
const keysOfBookworm = {
  "etc/systemd/system/sshd-keygen.service": "[Unit]\nDescription=Makes SSH host keys\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n",
  "etc/systemd/system/ssh.service.d/10-keys.conf": "[Unit]\nWants=sshd-keygen.service\nAfter=sshd-keygen.service\n",
};

/** Of each suite: files of its own, and options of mmdebstrap. */
const suites = {
  bookworm: { files: keysOfBookworm, options: [] },
  trixie: { files: {}, options: [] },
  // Valid for a week: a mirror that stands still for longer is as good for a guest. Signatures are checked as ever.
  sid: { files: {}, options: ['--aptopt=Acquire::Check-Valid-Until "false"'] },
};

async function main() {
  const [output = "base.tar", suite = "trixie"] = process.argv.slice(2);
  const own = suites[suite];
  if (own === undefined) throw new Error(`"${suite}" is not one of ${Object.keys(suites).join(", ")}.`);
  const scratch = await mkdtemp(join(tmpdir(), "bootable-guest-"));
  const folder = join(scratch, "files");
  try {
    await mkdir(folder, { mode: 0o755 });
    await layFiles(folder, { ...tinyInitramfs, ...own.files });
    const options = [
      "--variant=minbase",
      ...own.options,
      ...unread.map((path) => `--dpkgopt=path-exclude=/${path}`),
      "--dpkgopt=force-confold",
      `--essential-hook=sync-in ${folder} /`,
      `--customize-hook=${cleaning}`,
    ];
    await bootstrap({ suite, architecture: "amd64", packages, options, output: resolve(output) });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
