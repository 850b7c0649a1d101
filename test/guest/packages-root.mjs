/**
 * Unpacks large packages of this computer's Debian into one tree, as the root of a desktop would have them: some 31,000 files in 1.2 GB.
 * `node packages-root.mjs OUTPUT.tar`. Nothing is installed or configured, so the tree only looks like a system.
 */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { run } from "./debian-archive.mjs";

const packages = [
  "breeze-icon-theme", // tens of thousands of names and links
  "cpp-12",
  "firefox-esr",
  "fonts-noto-core",
  "gcc-12",
  "gimp-data",
  "libllvm14",
  "libpython3.11-stdlib",
  "libreoffice-common",
  "libreoffice-core",
  "locales",
  "openjdk-17-jre-headless",
  "passwd", // set-user-id programs
  "perl-modules-5.36",
  "python3-numpy",
  "vim-runtime",
];

async function main() {
  const output = resolve(process.argv[2] ?? "packages.tar");
  const scratch = await mkdtemp(join(tmpdir(), "bootable-packages-"));
  const [archives, root] = [join(scratch, "archives"), join(scratch, "root")];
  try {
    await mkdir(archives);
    await mkdir(root);
    const known = new Set((await run("apt-cache", ["pkgnames"])).split("\n"));
    // Numbers in names differ from suite to suite; what is there is enough.
    const found = packages.filter((name) => known.has(name));
    // It downloads to where it is started.
    process.chdir(archives);
    await run("apt-get", ["download", "-q", ...found]);
    for (const name of (await readdir(archives)).sort()) await run("dpkg-deb", ["-x", join(archives, name), root]);
    await run("tar", ["--sort=name", "--numeric-owner", "--format=posix", "-C", root, "-cf", output, "."]);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
