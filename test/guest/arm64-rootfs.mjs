/**
 * Makes the root file system of arm64 guests on a computer that cannot run arm64 programs: `node arm64-rootfs.mjs OUTPUT.tar`.
 * The packages of a Debian 13 are unpacked and not configured; what their scripts would have done, and a guest that serves
 * one page needs, is done by arm64-settings.mjs. There is no sshd in it, which would need more of that.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { bootstrap, cleaning } from "./debian-archive.mjs";
import { layFiles } from "./guest-files.mjs";

const packages = [
  // Essential ones are named too: nothing else brings them where nothing is configured.
  "base-files",
  "base-passwd",
  "dash",
  "libc-bin",
  "util-linux",
  "systemd-sysv",
  "udev",
  "dbus", // logind needs it to answer the ACPI power button
  "kmod",
  "linux-image-cloud-arm64",
  "tiny-initramfs", // the smallest of those that a kernel asks for; the initramfs is not made by it
  "systemd-boot-efi",
  "busybox-static",
];

/** The hook's words go through a shell. */
function quoted(path) {
  return `'${path.replaceAll("'", "'\\''")}'`;
}

async function main() {
  const output = resolve(process.argv[2] ?? "arm64.tar");
  const scratch = await mkdtemp(join(tmpdir(), "bootable-guest-"));
  const folder = join(scratch, "files");
  try {
    await mkdir(folder, { mode: 0o755 });
    await layFiles(folder, {});
    const settings = new URL("arm64-settings.mjs", import.meta.url).pathname;
    const options = [
      "--variant=extract",
      `--extract-hook=sync-in ${folder} /`,
      `--extract-hook=${quoted(process.execPath)} ${quoted(settings)} "$1"`,
      `--extract-hook=${cleaning}`,
    ];
    await bootstrap({ suite: "trixie", architecture: "arm64", packages, options, output });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
