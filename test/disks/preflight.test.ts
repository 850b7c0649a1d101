/** What preflight sees: in the guests' real root file system, and in small trees that say one thing each. */
import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { findBoot } from "../../provider/disks/boot-files.ts";
import { imageFacts } from "../../provider/disks/preflight.ts";
import { elfArchitecture, isSigned } from "../../provider/disks/preflight-programs.ts";
import { checkImage } from "../../provider/model/image-check.ts";
import type { ImageFacts } from "../../provider/model/image-check-facts.ts";
import { imageTargets } from "../../provider/model/image-check-targets.ts";
import { treeOf, treeOfTar, type MadeTree, type TreeFile } from "./preflight-tree.ts";
import { scratchFolder } from "./scratch.ts";

const platform = { os: "linux", architecture: "amd64" };
const options = { filesystem: "ext4", platform, rootSshAuthorizedKeys: [] } as const;

async function look({ root, read }: MadeTree, kernelArguments: readonly string[] = []): Promise<ImageFacts> {
  const bootFiles = await findBoot(root, { platform, read });
  return imageFacts(root, { bootFiles, read, kernelArguments, signal: new AbortController().signal });
}

/** The codes of what is found, by target. */
function codes(facts: ImageFacts): Readonly<Record<string, readonly string[]>> {
  const found = (target: (typeof imageTargets)[number]): readonly string[] =>
    checkImage(facts, { targets: [target], options, ignore: [] }).map(({ code, severity }) => `${severity} ${code}`);
  return Object.fromEntries(imageTargets.map((target) => [target, found(target)]));
}

test("the guests' base, which is made for QEMU, and whose kernel is made for clouds", async () => {
  const tree = await treeOfTar(process.env["BOOTABLE_BASE_TAR"] ?? "");
  const facts = await look(tree);
  expect({ ...facts, kernelVersion: facts.kernelVersion.replace(/^[\d.]+\+/, "<version>+") }).toMatchInlineSnapshot(`
    {
      "agents": [],
      "architectures": {
        "kernel": "amd64",
        "systemd": "amd64",
      },
      "drivers": {
        "builtIn": [
          "ext4",
          "nvme",
          "virtio_pci",
        ],
        "initramfs": [
          "virtio_blk",
        ],
        "installed": [
          "btrfs",
          "ena",
          "gve",
          "hv_netvsc",
          "hv_storvsc",
          "hv_vmbus",
          "mana",
          "sd_mod",
          "udf",
          "virtio_blk",
          "virtio_net",
          "virtio_scsi",
          "xfs",
        ],
      },
      "kernelArguments": [],
      "kernelVersion": "<version>+deb13-cloud-amd64",
      "logins": [],
      "machineIds": [],
      "network": [
        "systemd-networkd",
      ],
      "randomSeeds": [],
      "rootGrowth": [],
      "serialConsole": true,
      "signed": {
        "kernel": true,
        "loader": false,
      },
      "sshHostKeys": [],
      "uuidMounts": [],
      "version": 1,
    }
  `);
  expect(codes(facts)).toMatchInlineSnapshot(`
    {
      "aws": [
        "warning no-root-growth",
        "warning no-agent",
        "warning no-login",
      ],
      "azure": [
        "error missing-disk-driver",
        "warning no-root-growth",
        "warning no-agent",
        "warning no-login",
      ],
      "gcp": [
        "error missing-disk-driver",
        "warning no-root-growth",
        "warning no-agent",
        "warning no-login",
      ],
      "hyper-v": [
        "error missing-disk-driver",
      ],
      "qemu": [],
    }
  `);
  // Neither module nor program is unpacked for this.
  expect(tree.reads.length).toBeLessThan(40);
});

/** By busybox, in the order of the names. */
async function cpio(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const folder = await scratchFolder();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  const input = `${Object.keys(files).join("\n")}\n`;
  return execFileSync("busybox", ["cpio", "-o", "-H", "newc"], { input, cwd: folder, stdio: ["pipe", "pipe", "ignore"] });
}

const version = "6.12.9-amd64";
const modules = `usr/lib/modules/${version}`;

/** As an image with Debian's or Fedora's generic kernel: an early part, then a compressed one with modules for all machines. */
async function generic(drivers: readonly string[], files: Readonly<Record<string, TreeFile>> = {}): Promise<MadeTree> {
  const early = await cpio({ "kernel/x86/microcode/AuthenticAMD.bin": "u" });
  const main = await cpio(
    Object.fromEntries([["init", "#!/bin/sh"], ...drivers.map((name) => [`${modules}/kernel/drivers/any/${name}.ko.xz`, "m"])]),
  );
  return treeOf({
    "usr/lib/systemd/systemd": "systemd",
    [`boot/vmlinuz-${version}`]: "kernel",
    [`boot/initrd.img-${version}`]: Buffer.concat([early, zstdCompressSync(main)]),
    "usr/lib/systemd/boot/efi/systemd-bootx64.efi": "loader",
    [`${modules}/modules.builtin`]: "kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio/virtio-pci.ko\n",
    ...files,
  });
}

const all = [
  "virtio_blk",
  "virtio_scsi",
  "nvme",
  "sd_mod",
  "hv_vmbus",
  "hv_storvsc",
  "virtio_net",
  "ena",
  "gve",
  "hv-netvsc",
  "mana",
  "udf",
];

test("a generic kernel with cloud-init has what every target needs", async () => {
  const facts = await look(
    await generic(all, { "usr/bin/cloud-init": "x", "usr/bin/growpart": "x", "usr/lib/systemd/systemd": await readFile(process.execPath) }),
  );
  expect(facts.drivers.initramfs).toEqual(all.map((name) => name.replace("-", "_")).toSorted());
  expect(facts.architectures.systemd).toBe(process.arch === "x64" ? "amd64" : process.arch);
  expect(codes(facts)).toEqual(Object.fromEntries(imageTargets.map((target) => [target, []])));
});

test("an initramfs for another machine's disks is refused where it would not boot", async () => {
  const facts = await look(await generic(["nvme", "ena"], { "usr/bin/cloud-init": "x", "usr/bin/growpart": "x" }));
  const network = "warning missing-network-driver";
  expect(codes(facts)).toEqual({
    qemu: ["error missing-disk-driver", network],
    aws: [],
    azure: ["error missing-disk-driver", network, "warning missing-udf-driver", "warning limited-machine-types"],
    gcp: ["error missing-disk-driver", network, "warning limited-machine-types"],
    "hyper-v": ["error missing-disk-driver", network],
  });
});

test("modules beside the initramfs serve the network, not the root disk", async () => {
  const beside = (name: string): string => `${modules}/kernel/drivers/${name}.ko.zst`;
  const tree = await generic([], { [beside("net/virtio_net")]: "m", [beside("block/virtio-blk")]: "m", "usr/bin/cloud-init": "x" });
  const facts = await look(tree);
  expect(facts.drivers.installed).toEqual(["virtio_blk", "virtio_net"]);
  expect(codes(facts)["qemu"]).toEqual(["error missing-disk-driver"]);
});

test("what cannot be read is no reason to refuse", async () => {
  const xz = Buffer.from("fd377a585a000004", "hex");
  const unread = await look(await generic([], { [`boot/initrd.img-${version}`]: xz, "usr/bin/cloud-init": "x" }));
  expect(unread.drivers.unreadInitramfs).toBe("is compressed with xz");
  expect(codes(unread)["qemu"]).toEqual(["warning unreadable-initramfs"]);
  const silent = await look(await generic([], { [`${modules}/modules.builtin`]: "", "usr/bin/cloud-init": "x" }));
  expect(silent.drivers.builtIn).toBeUndefined();
  expect(codes(silent)["qemu"]).toEqual([]);
});

const id = `${"0123456789abcdef".repeat(2)}\n`;
const host = "/usr/lib/systemd/system/NetworkManager.service";
const wants = "etc/systemd/system/multi-user.target.wants";

test.each<[string, Readonly<Record<string, TreeFile>>, Partial<ImageFacts>]>([
  ["an empty machine-id", { "etc/machine-id": "" }, { machineIds: [] }],
  ["one that says so", { "etc/machine-id": "uninitialized\n" }, { machineIds: [] }],
  ["a machine-id", { "etc/machine-id": id }, { machineIds: ["/etc/machine-id"] }],
  ["one that D-Bus hands on", { "etc/machine-id": "", "var/lib/dbus/machine-id": id }, { machineIds: ["/var/lib/dbus/machine-id"] }],
  ["one file twice", { "etc/machine-id": id, "var/lib/dbus/machine-id": "->/etc/machine-id" }, { machineIds: ["/etc/machine-id"] }],
  [
    "host keys, private ones only",
    { "etc/ssh/ssh_host_rsa_key": "k", "etc/ssh/ssh_host_rsa_key.pub": "p", "etc/ssh/ssh_host_dsa_key": "" },
    { sshHostKeys: ["/etc/ssh/ssh_host_rsa_key"] },
  ],
  [
    "a host key of dropbear",
    { "etc/dropbear/dropbear_ed25519_host_key": "k" },
    { sshHostKeys: ["/etc/dropbear/dropbear_ed25519_host_key"] },
  ],
  ["a random seed", { "var/lib/systemd/random-seed": "s" }, { randomSeeds: ["/var/lib/systemd/random-seed"] }],
  [
    "mounts by UUID that boot waits for",
    {
      "etc/fstab":
        "# UUID=1 / ext4\nUUID=2 / ext4 rw 0 1\nPARTUUID=3 /boot/efi vfat umask=0077\nUUID=4 /efi vfat nofail\nLABEL=x /boot ext4\nUUID=5 /srv ext4\n",
    },
    {
      uuidMounts: [
        { mountPoint: "/", device: "UUID=2" },
        { mountPoint: "/boot/efi", device: "PARTUUID=3" },
      ],
    },
  ],
  ["cloud-init without growpart", { "usr/bin/cloud-init": "x" }, { rootGrowth: [], agents: ["cloud-init"], network: ["cloud-init"] }],
  ["cloud-init with growpart", { "usr/bin/cloud-init": "x", "usr/bin/growpart": "x" }, { rootGrowth: ["cloud-init"] }],
  ["systemd-repart with nothing to do", { "usr/bin/systemd-repart": "x" }, { rootGrowth: [] }],
  [
    "systemd-repart with a root",
    { "usr/bin/systemd-repart": "x", "usr/lib/repart.d/50-root.conf": "[Partition]\nType=root\n" },
    { rootGrowth: ["systemd-repart"] },
  ],
  [
    "a definition that /etc hides",
    {
      "usr/bin/systemd-repart": "x",
      "usr/lib/repart.d/50-root.conf": "[Partition]\nType=root\n",
      "etc/repart.d/50-root.conf": "->/dev/null",
    },
    { rootGrowth: [] },
  ],
  ["bootc's own", { "usr/lib/systemd/system/bootc-generic-growpart.service": "x" }, { rootGrowth: ["bootc"] }],
  ["NetworkManager", { [`${wants}/NetworkManager.service`]: `->${host}` }, { network: ["NetworkManager"] }],
  [
    "NetworkManager that is masked",
    { [`${wants}/NetworkManager.service`]: `->${host}`, "etc/systemd/system/NetworkManager.service": "->/dev/null" },
    { network: [] },
  ],
  ["networkd without a file", { [`${wants}/systemd-networkd.service`]: "->x" }, { network: [] }],
  ["a file without networkd", { "etc/systemd/network/a.network": "[Network]\nDHCP=yes\n" }, { network: [] }],
  [
    "networkd with a file",
    { [`${wants}/systemd-networkd.service`]: "->x", "etc/systemd/network/a.network": "[Match]\nName=en*\n[Network]\nDHCP = ipv4\n" },
    { network: ["systemd-networkd"] },
  ],
  [
    "networkd with a fixed address",
    { [`${wants}/systemd-networkd.service`]: "->x", "etc/systemd/network/a.network": "[Network]\nAddress=10.0.0.2/24\n" },
    { network: ["systemd-networkd"] },
  ],
  [
    "networkd with what systemd brings for containers",
    {
      [`${wants}/systemd-networkd.service`]: "->x",
      "usr/lib/systemd/network/80-container-host0.network":
        "[Match]\nKind=veth\nName=host0\nVirtualization=container\n[Network]\nDHCP=yes\n",
    },
    { network: [] },
  ],
  [
    "ifupdown",
    {
      "usr/sbin/ifup": "x",
      "etc/network/interfaces": "auto lo\niface lo inet loopback\n",
      "etc/network/interfaces.d/a": "iface eth0 inet dhcp\n",
    },
    { network: ["ifupdown"] },
  ],
  ["ifupdown for nothing", { "usr/sbin/ifup": "x", "etc/network/interfaces": "iface lo inet loopback\n" }, { network: [] }],
  ["netplan", { "usr/sbin/netplan": "x", "etc/netplan/a.yaml": "network: {}" }, { network: ["netplan"] }],
  ["agents of two clouds", { "usr/sbin/waagent": "x", "usr/bin/google_guest_agent": "x" }, { agents: ["google-guest-agent", "waagent"] }],
  ["locked passwords", { "etc/shadow": "root:*:1\nme:!$y$x:1\nsshd:!*:1\n" }, { logins: [] }],
  ["a password", { "etc/shadow": "root:*:1\nme:$y$x:1\n" }, { logins: ["password"] }],
  ["no password at all", { "etc/shadow": "root::1\n" }, { logins: ["password"] }],
  [
    "keys in a home",
    { "etc/passwd": "root:x:0:0::/root:/bin/sh\nme:x:1:1::/home/me:/bin/sh\n", "home/me/.ssh/authorized_keys": "# none\nssh-ed25519 A\n" },
    { logins: ["authorized-keys"] },
  ],
  ["keys of nobody", { "etc/passwd": "root:x:0:0::/root:/bin/sh\n", "home/me/.ssh/authorized_keys": "ssh-ed25519 A" }, { logins: [] }],
  ["no keys yet", { "etc/passwd": "root:x:0:0::/root:/bin/sh\n", "root/.ssh/authorized_keys": "# none\n" }, { logins: [] }],
  ["certificates", { "etc/ssh/sshd_config.d/ca.conf": "TrustedUserCAKeys /etc/ssh/ca.pub\n" }, { logins: ["certificate"] }],
  ["a program that knows keys", { "etc/ssh/sshd_config": "AuthorizedKeysCommand none\n" }, { logins: [] }],
])("sees %s", async (_, files, expected) => {
  expect(await look(await generic([], files))).toMatchObject(expected);
});

test("an initramfs that grows the root", async () => {
  const packed = zstdCompressSync(await cpio({ "scripts/local-bottom/growroot": "x" }));
  expect((await look(await generic([], { [`boot/initrd.img-${version}`]: packed }))).rootGrowth).toEqual(["initramfs"]);
});

interface PeParts {
  readonly plus?: boolean;
  readonly certificate?: boolean;
  readonly sections?: Readonly<Record<string, string | Buffer>>;
}

/** An EFI program with the fields that count. */
function pe({ plus = true, certificate = false, sections = {} }: PeParts): Buffer {
  const contents = Object.entries(sections);
  const fields = plus ? 112 : 96;
  const optional = 0x80 + 24;
  const headers = optional + fields + 16 * 8;
  const head = Buffer.alloc(headers + contents.length * 40);
  head.write("MZ");
  head.writeUInt32LE(0x80, 60);
  head.write("PE\0\0", 0x80, "latin1");
  head.writeUInt16LE(0x8664, 0x84);
  head.writeUInt16LE(contents.length, 0x86);
  head.writeUInt16LE(fields + 16 * 8, 0x80 + 20);
  head.writeUInt16LE(plus ? 0x20b : 0x10b, optional);
  head.writeUInt16LE(10, optional + 68);
  head.writeUInt32LE(16, optional + fields - 4);
  if (certificate) head.writeBigUInt64LE(0x0000_0600_0000_1000n, optional + fields + 32);
  const parts = [head];
  for (const [index, [name, content]] of contents.entries()) {
    const bytes = Buffer.from(content);
    const at = headers + index * 40;
    head.write(name, at, "latin1");
    for (const [offset, value] of [
      [8, bytes.length],
      [16, bytes.length],
      [20, Buffer.concat(parts).length],
    ] as const) {
      head.writeUInt32LE(value, at + offset);
    }
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

test("signatures of EFI programs", () => {
  for (const plus of [true, false]) {
    expect(isSigned(pe({ plus, certificate: true }))).toBe(true);
    expect(isSigned(pe({ plus, certificate: false }))).toBe(false);
    for (const length of [0, 10, 63, 64, 130, 160, 260]) expect(isSigned(pe({ plus, certificate: true }).subarray(0, length))).toBe(false);
  }
  expect(isSigned(Buffer.from("\x1f\x8b a compressed kernel".padEnd(100), "latin1"))).toBe(false);
});

const getty = "serial-getty@ttyS0.service";
const gettyFile = { [`etc/systemd/system/getty.target.wants/${getty}`]: "->x" };

test.each<[string, Readonly<Record<string, TreeFile>>, Partial<ImageFacts>]>([
  ["quiet", {}, { kernelArguments: ["quiet"], serialConsole: false }],
  ["quiet console=ttyS0,115200", {}, { serialConsole: true }],
  ["quiet", gettyFile, { serialConsole: true }],
  ["quiet", { ...gettyFile, [`etc/systemd/system/${getty}`]: "->/dev/null" }, { serialConsole: false }],
  ["rw root=UUID=1", {}, { kernelArguments: ["rw", "root=UUID=1"] }],
])("a unified kernel image is looked into, and its command line %j counts %#", async (commandLine, files, expected) => {
  const initramfs = zstdCompressSync(await cpio({ [`${modules}/kernel/drivers/block/virtio_blk.ko`]: "m" }));
  const sections = { ".osrel": "ID=x", ".cmdline": commandLine, ".uname": version, ".linux": "kernel", ".initrd": initramfs };
  const unified = pe({ certificate: true, sections });
  const facts = await look(await generic([], { [`usr/lib/modules/${version}/vmlinuz.efi`]: unified, ...files }), ["from-the-program"]);
  expect(facts).toMatchObject({ ...expected, drivers: { initramfs: ["virtio_blk"] }, signed: { kernel: true, loader: false } });
});

test("without a command line of its own a unified kernel image takes the disk's", async () => {
  const unified = pe({ sections: { ".osrel": "ID=x", ".uname": version, ".linux": "kernel" } });
  const facts = await look(await generic(["nvme"], { [`usr/lib/modules/${version}/vmlinuz.efi`]: unified }), ["quiet"]);
  expect(facts).toMatchObject({ kernelArguments: ["quiet"], serialConsole: true, drivers: { initramfs: [] } });
  expect(facts.drivers.unreadInitramfs).toBeUndefined();
});

test.each([
  ["amd64", 62, "LE"],
  ["arm64", 183, "LE"],
  ["s390x", 22, "BE"],
  [undefined, 9999, "LE"],
] as const)("a program for %s", (architecture, machine, order) => {
  const start = Buffer.alloc(64);
  start.write("\x7fELF", "latin1");
  start[5] = order === "LE" ? 1 : 2;
  start[`writeUInt16${order}`](machine, 18);
  expect(elfArchitecture(start)).toBe(architecture);
  expect(elfArchitecture(start.subarray(0, 19))).toBeUndefined();
});
