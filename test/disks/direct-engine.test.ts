/** Disks of the direct engine, judged by other people's tools and by the kernel. The kernel's part needs root. */
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bootable, layeredImage, requestFor } from "./layered-image.ts";
import { describeFiles, partitions, withRootMounted } from "./mounted.ts";
import { disksIn, output, scratchFolder } from "./scratch.ts";
import type { TarInput } from "./tar-writer.ts";

const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");

/** user::rw-, user:1000:r--, group::r--, mask::r--, other::--- */
const accessList = Buffer.from("0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff", "hex");

/** Everything a layer can hold, in two layers. */
const lower: readonly TarInput[] = [
  ...bootable,
  { path: ".", type: "directory", mode: 0o751, mtimeSeconds: 1_500_000_000 },
  { path: "bin", type: "symlink", linkTarget: "usr/bin" },
  { path: "usr/bin", type: "directory", uid: 3, gid: 4 },
  {
    path: "usr/bin/ping",
    content: "ping",
    mode: 0o755,
    xattrs: { "security.capability": capability, "user.note": Buffer.from([0, 10, 255]) },
  },
  { path: "usr/bin/su", content: "su", mode: 0o4755 },
  { path: "usr/bin/write", content: "write", mode: 0o2755, gid: 5 },
  { path: "usr/bin/gone", content: "gone" },
  { path: "tmp", type: "directory", mode: 0o1777 },
  { path: "home/a", content: "many names", uid: 3_000_000_000, gid: 100_000, mode: 0o600 },
  { path: "home/b", type: "hardlink", linkTarget: "home/a", uid: 3_000_000_000, gid: 100_000, mode: 0o600 },
  { path: "dev/tty", type: "character", device: [5, 0], mode: 0o666, gid: 5 },
  { path: "dev/large", type: "character", device: [300, 70_000], mode: 0o600 },
  { path: "dev/sda", type: "block", device: [8, 1], mode: 0o660 },
  { path: "run/fifo", type: "fifo", mode: 0o622 },
  { path: "etc/empty", content: "", mtimeSeconds: 0 },
  { path: "etc/long", type: "symlink", linkTarget: `/${"t".repeat(150)}`, uid: 7 },
  { path: "etc/listed", content: "acl", mode: 0o640, xattrs: { "system.posix_acl_access": accessList } },
  {
    path: "etc/labelled",
    type: "symlink",
    linkTarget: "listed",
    xattrs: { "security.selinux": Buffer.from("system_u:object_r:etc_t:s0\0") },
  },
  { path: "etc/many", content: "", xattrs: { "user.large": Buffer.alloc(2000, "l"), "user.empty": Buffer.alloc(0) } },
  { path: "etc/swapped", type: "directory" },
  { path: "etc/swapped/inside", content: "x" },
  { path: "opt/old", type: "directory" },
  { path: "opt/old/file", content: "x" },
  { path: "lost+found", type: "directory", mode: 0o700 },
  { path: "var/big", content: Buffer.alloc(5_000_001, "0123456789abcdef-") },
];
const upper: readonly TarInput[] = [
  { path: "usr/bin/.wh.gone" },
  { path: "bin/added", content: "through a link" },
  { path: "etc/swapped", content: "now a file" },
  { path: "opt/old/.wh..wh..opq" },
  { path: "opt/old/new", content: "y" },
  { path: "home/c", type: "hardlink", linkTarget: "home/b", uid: 3_000_000_000, gid: 100_000, mode: 0o600 },
  { path: 'odd/quo"te', content: "1" },
  { path: "odd/spa ce", content: "2" },
  { path: "odd/<12>", content: "3" },
  { path: "odd/-dash", content: "4" },
  { path: "odd/line\nbreak", type: "directory", mode: 0o700 },
  { path: "odd/line\nbreak/in\rside", content: "5" },
  { path: "odd/\xff\xfe", content: "6" },
  { path: "odd/target", type: "symlink", linkTarget: "a\nb", mtimeSeconds: 1_400_000_000 },
  { path: "odd/#comment", content: "7" },
];

test("a disk holds what the layers say, to the kernel and to the checkers", async () => {
  const folder = await scratchFolder();
  const image = layeredImage([lower, upper]);
  const disk = await disksIn(folder, image.images).make(requestFor(image));
  expect(await output("sgdisk", ["--verify", disk.path])).toContain("No problems found");
  const [esp, root] = await partitions(disk.path);
  expect([esp?.type, root?.type]).toEqual(["c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"]);
  await output("e2fsck", ["-fn", `${disk.path}?offset=${root?.offsetBytes}`]);
  const files = await withRootMounted(disk.path, describeFiles);
  expect(files).toMatchInlineSnapshot(`
    {
      "/": "40751 0:0 @1500000000",
      "/bin": "120777 0:0 x1 @1600000000 -> usr/bin",
      "/boot": "40755 0:0 @0",
      "/boot/initrd.img-6.12.10-cloud-amd64": "100644 0:0 x1 @1600000000 200000 bytes f8fd4109e26a1f993982825e0c1a0c6517d9512a70436bf3892bbc665e023508",
      "/boot/initrd.img-6.12.9-cloud-amd64": "100644 0:0 x1 @1600000000 "older initramfs"",
      "/boot/vmlinuz-6.12.10-cloud-amd64": "100644 0:0 x1 @1600000000 "kernel"",
      "/boot/vmlinuz-6.12.9-cloud-amd64": "100644 0:0 x1 @1600000000 "older kernel"",
      "/dev": "40755 0:0 @0",
      "/dev/large": "20600 0:0 x1 @1600000000 device 286338160",
      "/dev/sda": "60660 0:0 x1 @1600000000 device 2049",
      "/dev/tty": "20666 0:5 x1 @1600000000 device 1280",
      "/etc": "40755 0:0 @0",
      "/etc/empty": "100644 0:0 x1 @0 """,
      "/etc/labelled": "120777 0:0 x1 @1600000000 -> listed security.selinux=0x73797374656d5f753a6f626a6563745f723a6574635f743a733000",
      "/etc/listed": "100640 0:0 x1 @1600000000 "acl" system.posix_acl_access=0x0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff",
      "/etc/long": "120777 7:0 x1 @1600000000 -> /tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt",
      "/etc/many": "100644 0:0 x1 @1600000000 "" user.empty=0x user.large=2000 bytes aa487ffc3535ed0d1a6b6fc84681c7aba16f64db711bd3035888c8b8a74924ca",
      "/etc/swapped": "100644 0:0 x1 @1600000000 "now a file"",
      "/home": "40755 0:0 @0",
      "/home/a": "100600 3000000000:100000 x3 @1600000000 "many names"",
      "/home/b": "100600 3000000000:100000 x3 @1600000000 "many names"",
      "/home/c": "100600 3000000000:100000 x3 @1600000000 "many names"",
      "/odd": "40755 0:0 @0",
      "/odd/#comment": "100644 0:0 x1 @1600000000 "7"",
      "/odd/-dash": "100644 0:0 x1 @1600000000 "4"",
      "/odd/<12>": "100644 0:0 x1 @1600000000 "3"",
      "/odd/line\\nbreak": "40700 0:0 @1600000000",
      "/odd/line\\nbreak/in\\rside": "100644 0:0 x1 @1600000000 "5"",
      "/odd/quo"te": "100644 0:0 x1 @1600000000 "1"",
      "/odd/spa ce": "100644 0:0 x1 @1600000000 "2"",
      "/odd/target": "120777 0:0 x1 @1400000000 -> a
    b",
      "/odd/ÿþ": "100644 0:0 x1 @1600000000 "6"",
      "/opt": "40755 0:0 @0",
      "/opt/old": "40755 0:0 @1600000000",
      "/opt/old/new": "100644 0:0 x1 @1600000000 "y"",
      "/run": "40755 0:0 @0",
      "/run/fifo": "10622 0:0 x1 @1600000000",
      "/tmp": "41777 0:0 @1600000000",
      "/usr": "40755 0:0 @0",
      "/usr/bin": "40755 3:4 @1600000000",
      "/usr/bin/added": "100644 0:0 x1 @1600000000 "through a link"",
      "/usr/bin/ping": "100755 0:0 x1 @1600000000 "ping" security.capability=0x0100000200200000000000000000000000000000 user.note=0x000aff",
      "/usr/bin/su": "104755 0:0 x1 @1600000000 "su"",
      "/usr/bin/write": "102755 0:5 x1 @1600000000 "write"",
      "/usr/lib": "40755 0:0 @0",
      "/usr/lib/systemd": "40755 0:0 @0",
      "/usr/lib/systemd/boot": "40755 0:0 @0",
      "/usr/lib/systemd/boot/efi": "40755 0:0 @0",
      "/usr/lib/systemd/boot/efi/systemd-bootx64.efi": "100644 0:0 x1 @1600000000 "loader"",
      "/usr/lib/systemd/systemd": "100755 0:0 x1 @1600000000 "systemd"",
      "/var": "40755 0:0 @0",
      "/var/big": "100644 0:0 x1 @1600000000 5000001 bytes ab7fe3e09444fb1b8dacf5f10467f6b21a38364eb498517a28499e4bef80d3d7",
    }
  `);
});

test("a file where mke2fs makes a directory is a file", async () => {
  const image = layeredImage([[...bootable, { path: "lost+found", content: "found" }]]);
  const disk = await disksIn(await scratchFolder(), image.images).make(requestFor(image));
  const found = await withRootMounted(disk.path, (directory) => readFile(join(directory, "lost+found"), "utf8"));
  expect(found).toBe("found");
});

test("the EFI system partition starts the newest kernel on this root", async () => {
  const folder = await scratchFolder();
  const image = layeredImage([bootable]);
  const disk = await disksIn(folder, image.images).make(requestFor(image, { kernelArguments: ["quiet", "console=tty0"] }));
  const [esp, root] = await partitions(disk.path);
  const part = `${disk.path}@@${esp?.offsetBytes}`;
  const alone = join(folder, "esp");
  await output("dd", [
    `if=${disk.path}`,
    `of=${alone}`,
    "bs=1M",
    `skip=${(esp?.offsetBytes ?? 0) / 1024 ** 2}`,
    `count=${(esp?.sizeBytes ?? 0) / 1024 ** 2}`,
  ]);
  await output("fsck.fat", ["-n", alone]);
  const entry = await output("mtype", ["-i", part, "::/loader/entries/bootable.conf"]);
  expect(entry.replace(root?.uuid ?? "", "<root>").replace(image.digest, "<image>")).toMatchInlineSnapshot(`
    "title Linux
    version 6.12.10-cloud-amd64
    linux /linux
    initrd /initrd
    options root=PARTUUID=<root> rw console=ttyS0 systemd.wants=systemd-growfs-root.service quiet console=tty0 bootable.image=<image>
    "
  `);
  expect(await output("mtype", ["-i", part, "::/linux"])).toBe("kernel");
  expect(await output("mtype", ["-i", part, "::/EFI/BOOT/BOOTX64.EFI"])).toBe("loader");
  expect(await output("mtype", ["-i", part, "::/loader/loader.conf"])).toBe("timeout 0\neditor no\n");
});

test("keys given for root are where sshd looks for them, and it trusts them", async () => {
  const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA someone";
  const roothome: TarInput = { path: "root", type: "symlink", linkTarget: "var/roothome" };
  for (const extra of [[], [roothome], [{ path: "root/.ssh/authorized_keys", content: "another key", mode: 0o644, uid: 1000 }]]) {
    const image = layeredImage([[...bootable, ...extra]]);
    const disk = await disksIn(await scratchFolder(), image.images).make(requestFor(image, { rootSshAuthorizedKeys: [key, " another "] }));
    const files = await withRootMounted(disk.path, describeFiles);
    const home = extra.includes(roothome) ? "/var/roothome" : "/root";
    expect(files[`${home}/.ssh`]).toBe("40700 0:0 @0");
    expect(files[`${home}/.ssh/authorized_keys`]).toMatch(/^100600 0:0 x1 @0 55 bytes /);
  }
});

test("the same layers and options give the same bytes, and nothing else is left in the cache", async () => {
  const image = layeredImage([lower, upper]);
  const made = [];
  for (const name of ["one", "another folder"]) {
    const folder = join(await scratchFolder(), name);
    await mkdir(folder);
    made.push(await disksIn(folder, image.images).make(requestFor(image)));
    expect((await readdir(join(folder, "disks"))).sort()).toEqual([`${made[0]?.identity}.json`, `${made[0]?.identity}.raw`]);
    expect((await stat(join(folder, "disks"))).mode & 0o777).toBe(0o700);
  }
  expect(made[1]?.digest).toBe(made[0]?.digest);
});
