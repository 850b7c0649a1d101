/** Unified kernel images on the EFI system partition. The images are real ones, of systemd's stub and objcopy. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { findBoot, type BootFiles, type UnifiedBootFiles } from "../../provider/disks/boot-files.ts";
import { espContentBytes, espExtents, type BootEntry } from "../../provider/disks/esp.ts";
import { partReader } from "../../provider/disks/stored-part.ts";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import { parsePeBinary, peHeadBytes } from "../../provider/model/pe-binary.ts";
import { writeExtents } from "./extent-file.ts";
import { amd64 } from "./layered-image.ts";
import { output, scratchFolder } from "./scratch.ts";
import { spooledTree, type SpooledTree } from "./spooled-tree.ts";
import { makeUnifiedKernel, sectionsOf, type Sections } from "./unified-kernel-maker.ts";

const osrel = "ID=debian\nVERSION_ID=13\n";
const parts: Sections = {
  osrel,
  uname: "6.12.10-cloud-amd64",
  linux: Buffer.alloc(70_000, "kernel"),
  initrd: Buffer.alloc(90_000, "initramfs"),
};
const made: Record<"sealed" | "open" | "bare", Buffer> = { sealed: Buffer.alloc(0), open: Buffer.alloc(0), bare: Buffer.alloc(0) };

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "bootable-unified-"));
  const { osrel: _, ...bare } = parts;
  made.sealed = await makeUnifiedKernel(folder, { ...parts, cmdline: "root=PARTLABEL=root rw quiet\n\0" });
  made.open = await makeUnifiedKernel(folder, parts);
  made.bare = await makeUnifiedKernel(folder, { ...bare, cmdline: "quiet" });
  return () => rm(folder, { recursive: true });
});

const base = { "usr/lib/systemd/systemd": "systemd", "usr/lib/systemd/boot/efi/systemd-bootx64.efi": "loader" };

const entry: BootEntry = {
  rootPartition: "11111111-2222-8333-8444-555555555555",
  image: `sha256:${"a".repeat(64)}`,
  architecture: "amd64",
  kernelArguments: [],
};

interface Found {
  readonly tree: SpooledTree;
  readonly files: BootFiles | UnifiedBootFiles;
}

async function find(files: Readonly<Record<string, string | Buffer>>): Promise<Found> {
  const tree = await spooledTree(join(await scratchFolder(), "spool"), { ...base, ...files });
  return { tree, files: await findBoot(tree.root, { platform: amd64, read: partReader(tree.spool.fd) }) };
}

/** Which of them is chosen. */
async function chosen(files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const { files: found } = await find(files);
  return "unified" in found ? `${found.unified.path} as ${found.unified.name}` : `kernel ${found.kernelVersion}`;
}

async function written({ tree, files }: Found, kernelArguments: readonly string[] = []): Promise<string> {
  const sizeBytes = 64 * 1024 ** 2;
  const extents = espExtents({ sizeBytes, serial: "0000c0de", epochSeconds: 1_700_000_000, files, entry: { ...entry, kernelArguments } });
  const path = join(await scratchFolder(), "esp");
  await writeExtents(path, { sizeBytes, extents, spool: tree.spool });
  await output("fsck.fat", ["-n", path]);
  return path;
}

async function listing(path: string): Promise<string[]> {
  return (await output("mdir", ["-i", path, "-/", "-b", "::"]))
    .split("\n")
    .filter((line) => /[^/]$/.test(line))
    .sort();
}

test("sections are where objdump finds them", async () => {
  const path = join(await scratchFolder(), "unified.efi");
  await writeFile(path, made.sealed);
  const binary = parsePeBinary(made.sealed.subarray(0, peHeadBytes));
  const expected = (await sectionsOf(path)).map(({ name, sizeBytes, offset }) => ({ name, sizeBytes, offset }));
  expect(binary?.sections.map(({ name }) => name)).toContain(".linux");
  expect(binary).toEqual({ architecture: "amd64", isEfiApplication: true, sections: expected });
});

test("one with its command line inside is left to itself", async () => {
  const found = await find({
    "boot/EFI/Linux/os-6.12.10.efi": made.sealed,
    "boot/EFI/Linux/os-6.12.10.efi.extra.d/debug.addon.efi": "addon",
  });
  expect(found.files).toMatchObject({ kernelVersion: "6.12.10-cloud-amd64", unified: { commandLine: "root=PARTLABEL=root rw quiet" } });
  const path = await written(found);
  expect(await listing(path)).toMatchInlineSnapshot(`
    [
      "::/EFI/BOOT/BOOTX64.EFI",
      "::/EFI/Linux/os-6.12.10.efi",
      "::/EFI/Linux/os-6.12.10.efi.extra.d/debug.addon.efi",
      "::/loader/loader.conf",
    ]
  `);
  expect(await output("mtype", ["-i", path, "::/loader/loader.conf"])).toBe("timeout 0\neditor no\n");
  const copy = join(await scratchFolder(), "copy");
  await output("mcopy", ["-i", path, "::/EFI/Linux/os-6.12.10.efi", copy]);
  expect(await sectionsOf(copy)).toContainEqual(expect.objectContaining({ name: ".initrd", sizeBytes: 90_000 }));
  expect(espContentBytes(found.files)).toBe(made.sealed.length + "loader".length + "addon".length);
});

test("one without a command line gets ours, with the program's arguments", async () => {
  const path = await written(await find({ "usr/lib/modules/6.12.10-cloud-amd64/vmlinuz-virt.efi": made.open }), ["quiet"]);
  expect(await listing(path)).toMatchInlineSnapshot(`
    [
      "::/EFI/BOOT/BOOTX64.EFI",
      "::/EFI/Linux/6.12.10-cloud-amd64.efi",
      "::/loader/entries/bootable.conf",
      "::/loader/loader.conf",
    ]
  `);
  expect(await output("mtype", ["-i", path, "::/loader/loader.conf"])).toMatchInlineSnapshot(`
    "timeout 0
    editor no
    default bootable.conf
    "
  `);
  expect(await output("mtype", ["-i", path, "::/loader/entries/bootable.conf"])).toMatchInlineSnapshot(`
    "title Linux
    version 6.12.10-cloud-amd64
    efi /EFI/Linux/6.12.10-cloud-amd64.efi
    options root=PARTUUID=11111111-2222-8333-8444-555555555555 rw console=ttyS0 systemd.wants=systemd-growfs-root.service quiet bootable.image=sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    "
  `);
});

test("one that systemd-boot would not list gets an entry, and keeps its command line", async () => {
  const path = await written(await find({ "efi/EFI/Linux/os.efi": made.bare }));
  expect(await output("mtype", ["-i", path, "::/loader/entries/bootable.conf"])).toMatchInlineSnapshot(`
    "title Linux
    version 6.12.10-cloud-amd64
    efi /EFI/Linux/os.efi
    "
  `);
});

test("arguments that cannot reach a command line are refused", async () => {
  const found = await find({ "boot/EFI/Linux/os.efi": made.sealed });
  const failure = await written(found, ["quiet", "console=tty0"]).catch((thrown: Failure) => describeFailure(thrown));
  expect(failure).toMatchInlineSnapshot(`
    "disk.kernelArguments has quiet console=tty0, and the image starts from /boot/EFI/Linux/os.efi, a unified kernel image with its command line inside, to which nothing can be added. Nothing was written.
    fix: write the arguments into that command line where the image is built (ukify --cmdline), or leave disk.kernelArguments out."
  `);
});

test("the newest kernel is started, and of one version the unified one", async () => {
  const older = { "boot/vmlinuz-6.12.9": "kernel", "boot/initrd.img-6.12.9": "initramfs" };
  const newer = { "boot/vmlinuz-6.12.11": "kernel", "boot/initrd.img-6.12.11": "initramfs" };
  const same = { "boot/vmlinuz-6.12.10-cloud-amd64": "kernel", "boot/initrd.img-6.12.10-cloud-amd64": "initramfs" };
  const withoutInitramfs = { "boot/vmlinuz-6.12.11": "kernel" };
  const unified = { "usr/lib/modules/6.12.10-cloud-amd64/os.efi": made.sealed };
  expect([
    await chosen({ ...older, ...unified }),
    await chosen({ ...same, ...unified }),
    await chosen({ ...newer, ...unified }),
    await chosen({ ...withoutInitramfs, ...unified }),
    await chosen({ ...unified, "boot/EFI/Linux/os.efi": made.open }),
    await chosen({ ...older, "boot/EFI/Linux/memtest.efi": "no kernel", "boot/EFI/Linux/stub.efi": made.open.subarray(0, 300) }),
  ]).toMatchInlineSnapshot(`
    [
      "/usr/lib/modules/6.12.10-cloud-amd64/os.efi as 6.12.10-cloud-amd64.efi",
      "/usr/lib/modules/6.12.10-cloud-amd64/os.efi as 6.12.10-cloud-amd64.efi",
      "kernel 6.12.11",
      "/usr/lib/modules/6.12.10-cloud-amd64/os.efi as 6.12.10-cloud-amd64.efi",
      "/boot/EFI/Linux/os.efi as os.efi",
      "kernel 6.12.9",
    ]
  `);
});
