/** An initramfs for guests with a root that the kernel has no driver for: the guests' own, with one module more. */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { tar } from "../disks/tar-writer.ts";
import { baseFile } from "../disks/unified-kernel-maker.ts";
import { runProgram } from "../../provider/tools/process.ts";

interface GuestInitramfs {
  readonly init: string;
  readonly rootModules: readonly string[];
}

/** Plain JavaScript: any Node must run it. */
const guests = (await import(new URL("initramfs.mjs", import.meta.url).href)) as GuestInitramfs;
const signal = new AbortController().signal;

async function run(program: string, args: readonly string[], more: { input?: string; workingDirectory?: string } = {}): Promise<string> {
  const lines: string[] = [];
  const environment = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
  const onLine = (line: string, stream: string): void => void (stream === "stdout" && lines.push(line));
  await runProgram({ program, args, purpose: "to make an initramfs", environment, signal, onLine, ...more });
  return lines.join("\n");
}

/** A layer whose initramfs takes the place of the base image's. */
export async function initramfsLayer(module: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "bootable-initramfs-"));
  try {
    for (const path of ["usr/lib/modules", "usr/bin/busybox"]) await baseFile(path, folder);
    // Where modprobe looks depends on how it was built.
    await symlink("usr/lib", join(folder, "lib"));
    const [version = ""] = await readdir(join(folder, "usr/lib/modules"));
    const tree = join(folder, "tree");
    for (const name of ["bin", "dev", "proc", "sys", "target"]) await mkdir(join(tree, name), { recursive: true });
    await copyFile(join(folder, "usr/bin/busybox"), join(tree, "bin/busybox"));
    await writeFile(join(tree, "init"), guests.init, { mode: 0o755 });
    await writeFile(join(tree, "modules"), (await copyModules(folder, version, [...guests.rootModules, module])).join(""));
    const names = (await readdir(tree, { recursive: true })).sort().join("\n");
    const archive = join(folder, "initramfs");
    await run("busybox", ["cpio", "-o", "-H", "newc", "-F", archive], { input: `${names}\n`, workingDirectory: tree });
    return tar([{ path: `boot/initrd.img-${version}`, content: await readFile(archive) }]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** With what they depend on, in the order in which they must be loaded; answers the lines of `/modules`. */
async function copyModules(root: string, version: string, names: readonly string[]): Promise<string[]> {
  const lines = new Set<string>();
  for (const name of names) {
    const text = await run("modprobe", ["--dirname", root, "--set-version", version, "--show-depends", name]);
    for (const [, path = ""] of text.matchAll(/^insmod (\S+)/gm)) {
      await copyFile(path, join(root, "tree", basename(path)));
      if (path.endsWith(".xz")) await run("xz", ["--decompress", "--force", join(root, "tree", basename(path))]);
      lines.add(`/${basename(path).replace(/\.xz$/, "")}\n`);
    }
  }
  return [...lines];
}
