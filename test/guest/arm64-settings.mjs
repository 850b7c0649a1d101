/**
 * Settles a root file system whose packages are unpacked only: `node arm64-settings.mjs ROOT`. Nothing of it is run.
 * systemd makes its own users and the folders of /var at the guest's first start (sysusers.d, tmpfiles.d).
 */
import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { init, rootModules } from "./initramfs.mjs";

/** What postinst scripts copy from the files that their packages ship. */
const copies = {
  "usr/share/base-passwd/passwd.master": "etc/passwd",
  "usr/share/base-passwd/group.master": "etc/group",
  "usr/share/libc-bin/nsswitch.conf": "etc/nsswitch.conf",
};

/** Standard output of a program, as bytes. */
function outputOf(program, args, { input, cwd } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: [input === undefined ? "ignore" : "pipe", "pipe", "inherit"], cwd });
    const chunks = [];
    child.stdout.on("data", (bytes) => chunks.push(bytes));
    child.once("error", (error) => fail(new Error(`${program}: ${error.message}`)));
    child.once("close", (code) => (code === 0 ? done(Buffer.concat(chunks)) : fail(new Error(`${program} ended with exit code ${code}.`))));
    // A program that does not read on says why by its exit code.
    child.stdin?.once("error", () => undefined);
    child.stdin?.end(input);
  });
}

/** Paths of modules and of what they depend on, in the order in which they must be loaded. */
async function modulePaths(root, version) {
  const paths = new Set();
  for (const name of rootModules) {
    const text = await outputOf("modprobe", ["--dirname", root, "--set-version", version, "--show-depends", name]);
    // Modules that are built in have a line of their own.
    for (const [, path] of text.toString().matchAll(/^insmod (\S+)/gm)) paths.add(path);
  }
  return [...paths];
}

async function unpackModule(path, to) {
  const content = path.endsWith(".xz") ? await outputOf("xz", ["--decompress", "--stdout", path]) : undefined;
  if (content === undefined) await copyFile(path, to);
  else await writeFile(to, content);
}

async function writeInitramfs(root, version) {
  const folder = await mkdtemp(join(tmpdir(), "bootable-initramfs-"));
  try {
    for (const name of ["bin", "dev", "proc", "sys", "target"]) await mkdir(join(folder, name));
    await copyFile(join(root, "usr/bin/busybox"), join(folder, "bin/busybox"));
    await writeFile(join(folder, "init"), init, { mode: 0o755 });
    const modules = [];
    for (const path of await modulePaths(root, version)) {
      const name = `/${basename(path).replace(/\.xz$/, "")}`;
      await unpackModule(path, join(folder, name));
      modules.push(`${name}\n`);
    }
    await writeFile(join(folder, "modules"), modules.join(""));
    const names = (await readdir(folder, { recursive: true })).sort();
    const archive = await outputOf("busybox", ["cpio", "-o", "-H", "newc"], { input: `${names.join("\n")}\n`, cwd: folder });
    await writeFile(join(root, "boot", `initrd.img-${version}`), gzipSync(archive));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function main() {
  const root = process.argv[2] ?? "";
  const versions = await readdir(join(root, "usr/lib/modules"));
  if (versions.length !== 1) throw new Error(`${root} has ${versions.length} kernels, and one is wanted.`);
  const [version] = versions;
  for (const [from, to] of Object.entries(copies)) await copyFile(join(root, from), join(root, to));
  await symlink("../proc/self/mounts", join(root, "etc/mtab"));
  await outputOf("depmod", ["--basedir", root, version]);
  await writeInitramfs(root, version);
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
