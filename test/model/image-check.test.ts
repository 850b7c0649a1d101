import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { describeFailure } from "../../provider/failure.ts";
import { checkImage, describeFinding, imageCheckCodes, preflightFailure, type ImageCheck } from "../../provider/model/image-check.ts";
import { imageFactsVersion, knownDrivers, parseImageFacts, type ImageFacts } from "../../provider/model/image-check-facts.ts";
import { imageTargets, targetsOf } from "../../provider/model/image-check-targets.ts";
import { fitFacts } from "../fakes/image-facts.ts";

const options = { filesystem: "ext4", platform: { os: "linux", architecture: "amd64" }, rootSshAuthorizedKeys: [] } as const;
const everywhere: ImageCheck = { targets: imageTargets, options, ignore: [] };

function drivers(change: Partial<ImageFacts["drivers"]>): Partial<ImageFacts> {
  return { drivers: { ...fitFacts.drivers, ...change } };
}

/** As a person reads it; `!` before an error. */
function said(facts: Partial<ImageFacts>, check: Partial<ImageCheck> = {}): readonly string[] {
  const findings = checkImage({ ...fitFacts, ...facts }, { ...everywhere, ...check });
  return findings.map((finding) => `${finding.severity === "error" ? "! " : ""}${describeFinding(finding)}`);
}

test("an image that has all that each target asks for gives no finding", () => {
  expect(said({})).toEqual([]);
});

test("what keeps a disk from booting", () => {
  const noDisk = drivers({ builtIn: ["ext4"], initramfs: ["nvme", "hv_vmbus"] });
  expect(said(noDisk, { targets: ["qemu", "azure"], ignore: ["limited-machine-types"] })).toMatchInlineSnapshot(`
    [
      "! Kernel 6.12.10 would not find its root disk on QEMU (virtio_pci, virtio_blk) and on Azure (hv_storvsc, sd_mod): these drivers are neither built into it nor in its initramfs. fix: write virtio_pci, virtio_blk, hv_storvsc and sd_mod into /etc/initramfs-tools/modules and run update-initramfs -u (Debian, initramfs-tools), or run dracut --force --regenerate-all --add-drivers "virtio_pci virtio_blk hv_storvsc sd_mod" (Fedora, dracut), in the Containerfile. (missing-disk-driver)",
    ]
  `);
  expect(said(drivers({ initramfs: [], installed: [] }), { targets: ["aws"] })).toMatchInlineSnapshot(`
    [
      "! Kernel 6.12.10 would not find its root disk on AWS (nvme): these drivers are neither built into it nor in its initramfs. fix: install linux-image-amd64 and initramfs-tools (Debian) or kernel-core, kernel-modules-core and dracut (Fedora) in the Containerfile. (missing-disk-driver)",
      "Kernel 6.12.10 has no driver for the network on AWS (ena). fix: install linux-image-amd64 (Debian) or kernel-modules (Fedora) in the Containerfile. (missing-network-driver)",
    ]
  `);
  const noFileSystem = drivers({ builtIn: [], initramfs: ["virtio_pci", "virtio_blk"] });
  expect(said(noFileSystem, { targets: ["qemu"], options: { ...options, filesystem: "xfs" } })).toMatchInlineSnapshot(`
    [
      "! Kernel 6.12.10 could not mount its root: xfs is neither built into it nor in its initramfs. fix: write xfs into /etc/initramfs-tools/modules and run update-initramfs -u (Debian, initramfs-tools), or run dracut --force --regenerate-all --add-drivers "xfs" (Fedora, dracut), in the Containerfile. (missing-filesystem-driver)",
    ]
  `);
  expect(said({ architectures: { systemd: "arm64", kernel: "amd64" } })).toMatchInlineSnapshot(`
    [
      "! The image's systemd is built for arm64, and the disk is to be one for linux/amd64. fix: set disk.platform to linux/arm64, or build the image for linux/amd64. (foreign-architecture)",
    ]
  `);
  expect(said({ architectures: { systemd: "amd64", kernel: "arm64" } })).toMatchInlineSnapshot(`
    [
      "! The image's kernel 6.12.10 is built for arm64, and the disk is to be one for linux/amd64. fix: set disk.platform to linux/arm64, or build the image for linux/amd64. (foreign-architecture)",
    ]
  `);
  expect(said({ kernelArguments: ["quiet", "root=UUID=0a-1"] })).toMatchInlineSnapshot(`
    [
      "! The kernel is started with root=UUID=0a-1, and no partition of this disk has that UUID. fix: leave root= out, in disk.kernelArguments or where the image sets it: the disk's own boot entry names its root partition. (foreign-root)",
    ]
  `);
  const mounts = [
    { mountPoint: "/", device: "UUID=0a-1" },
    { mountPoint: "/boot/efi", device: "UUID=AB12-CD34" },
  ];
  expect(said({ uuidMounts: mounts })).toMatchInlineSnapshot(`
    [
      "! /etc/fstab mounts /boot/efi from UUID=AB12-CD34, and no partition of this disk has that UUID: boot would wait for it and end in emergency mode. fix: remove the line, or add nofail to its options. (foreign-mount)",
    ]
  `);
  const secure = { options: { ...options, secureBoot: true } };
  expect(said({ signed: { kernel: false, loader: false } }, secure)).toMatchInlineSnapshot(`
    [
      "! Secure Boot is asked for, and firmware would refuse the boot loader and the kernel, which carry no signature. fix: install systemd-boot-efi-amd64-signed and linux-image-amd64 (Debian) or kernel-core (Fedora, where systemd-boot must be signed with sbsigntools). (unsigned-boot-files)",
    ]
  `);
  expect(said({ signed: { kernel: true, loader: false } }, secure)).toMatchInlineSnapshot(`
    [
      "! Secure Boot is asked for, and firmware would refuse the boot loader, which carries no signature. fix: install systemd-boot-efi-amd64-signed and linux-image-amd64 (Debian) or kernel-core (Fedora, where systemd-boot must be signed with sbsigntools). (unsigned-boot-files)",
    ]
  `);
});

test("what will be missed", () => {
  expect(said({ uuidMounts: [{ mountPoint: "/", device: "UUID=0a-1" }] })).toMatchInlineSnapshot(`
    [
      "/etc/fstab mounts / from UUID=0a-1, and no partition of this disk has that UUID: systemd-remount-fs would fail at each boot. fix: remove the line: the kernel's command line names the root. (foreign-mount)",
    ]
  `);
  expect(said(drivers({ initramfs: [], unreadInitramfs: "is compressed with xz" }), { targets: ["qemu"] })).toMatchInlineSnapshot(`
    [
      "The initramfs of kernel 6.12.10 is compressed with xz, so it cannot be told whether it has what the root disk needs (virtio_blk). fix: install zstd (Debian, Fedora) in the Containerfile, set COMPRESS=zstd in /etc/initramfs-tools/initramfs.conf or compress="zstd" in /etc/dracut.conf.d/zstd.conf, and make the initramfs again. (unreadable-initramfs)",
    ]
  `);
  expect(said({ machineIds: ["/etc/machine-id", "/var/lib/dbus/machine-id"] })).toMatchInlineSnapshot(`
    [
      "The image holds one machine's identity (/etc/machine-id and /var/lib/dbus/machine-id), which all its machines would share: DHCP servers and logs could not tell them apart. fix: end the Containerfile with RUN : > /etc/machine-id && rm -f /var/lib/dbus/machine-id, and the first boot makes a new one. (populated-machine-id)",
    ]
  `);
  expect(said({ sshHostKeys: ["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_rsa_key"] })).toMatchInlineSnapshot(`
    [
      "The image holds SSH host keys (/etc/ssh/ssh_host_ed25519_key and /etc/ssh/ssh_host_rsa_key): whoever can read it can pose as each of its machines. fix: end the Containerfile with RUN rm -f /etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_rsa_key, and new ones are made at the first boot by cloud-init (Debian, Fedora), by openssh-server (Fedora), or by a unit that runs ssh-keygen -A before sshd. (baked-ssh-host-keys)",
    ]
  `);
  expect(said({ randomSeeds: ["/var/lib/systemd/random-seed"] })).toMatchInlineSnapshot(`
    [
      "The image holds a random seed (/var/lib/systemd/random-seed), which all its machines would start from. fix: end the Containerfile with RUN rm -f /var/lib/systemd/random-seed. (baked-random-seed)",
    ]
  `);
  expect(said({ rootGrowth: [] })).toMatchInlineSnapshot(`
    [
      "Nothing in the image grows the root partition, so what a machine's disk on AWS, Azure and Google Cloud has beyond the image's size would stay unused. fix: install cloud-init and cloud-guest-utils (Debian) or cloud-init and cloud-utils-growpart (Fedora) in the Containerfile, or set disk.size to what the machines will have. (no-root-growth)",
    ]
  `);
  expect(said({ serialConsole: false })).toMatchInlineSnapshot(`
    [
      "Nothing writes to a serial console, so nobody would see why a machine does not boot. fix: add console=ttyS0 to disk.kernelArguments, or to the command line that the image sets. (no-serial-console)",
    ]
  `);
  expect(said({ network: [] }, { targets: ["qemu"] })).toMatchInlineSnapshot(`
    [
      "Nothing in the image sets up its network, by DHCP or otherwise, so nobody would reach a machine. fix: install network-manager (Debian) or NetworkManager (Fedora) in the Containerfile, or enable systemd-networkd with a file in /etc/systemd/network that says DHCP=yes. (no-dhcp)",
    ]
  `);
  expect(said({ agents: ["google-guest-agent"] })).toMatchInlineSnapshot(`
    [
      "The image has no agent that applies what AWS and Azure tell a new machine: host name, keys and user data would be lost, and Azure would take a machine for a failed one after some minutes. fix: install cloud-init (Debian, Fedora), or waagent (Debian), WALinuxAgent (Fedora) for Azure, in the Containerfile. (no-agent)",
    ]
  `);
  expect(said({ agents: ["cloud-init"] }, { targets: ["hyper-v"] })).toEqual([]);
  expect(said({ agents: [] }, { ignore: ["no-agent"] })).toMatchInlineSnapshot(`
    [
      "Nobody could log in to a machine on AWS, Azure and Google Cloud: the image has no authorized keys, no password, and nothing that brings any. fix: set disk.rootSshAuthorizedKeys, or install cloud-init (Debian, Fedora) in the Containerfile. (no-login)",
    ]
  `);
  const kernel = drivers({ installed: [], initramfs: knownDrivers.filter((name) => !["ena", "udf", "gve", "nvme"].includes(name)) });
  expect(said(kernel, { ignore: ["missing-disk-driver"] })).toMatchInlineSnapshot(`
    [
      "Kernel 6.12.10 has no driver for the network on AWS (ena). fix: install linux-image-amd64 (Debian) or kernel-modules (Fedora) in the Containerfile. (missing-network-driver)",
      "Kernel 6.12.10 cannot read the disc with a new machine's settings on Azure (udf). fix: install linux-image-amd64 (Debian) or kernel-modules (Fedora) in the Containerfile. (missing-udf-driver)",
      "Newer machine types could not be used on Azure (nvme) and on Google Cloud (nvme, gve): kernel 6.12.10 does not have these drivers when it needs them. fix: install linux-image-amd64 and initramfs-tools (Debian) or kernel-modules and dracut (Fedora) in the Containerfile. (limited-machine-types)",
    ]
  `);
});

test("a disk for nobody in particular is spared what only clouds need", () => {
  const bare = { rootGrowth: [], agents: [], logins: [], signed: { kernel: false, loader: false } };
  expect(said(bare, { targets: targetsOf(["raw", "qcow2", "vmdk"]) })).toEqual([]);
});

test.each([
  [[], ["qemu"]],
  [["raw", "vmdk"], ["qemu"]],
  [["vhd"], ["azure"]],
  [
    ["gce", "qcow2", "vhd"],
    ["gcp", "qemu", "azure"],
  ],
] as const)("formats %j are checked for %j", (formats, targets) => {
  expect(targetsOf(formats)).toEqual(targets);
});

test.each<[string, Partial<ImageFacts>]>([
  ["drivers of a kernel that does not say what is built in", { drivers: { initramfs: [], installed: [] } }],
  ["an initramfs that cannot be read either", { drivers: { initramfs: [], installed: [], unreadInitramfs: "is damaged" } }],
  ["architectures of files that are no programs", { architectures: {} }],
  ["programs for 32 bits", { architectures: { systemd: "386" } }],
  ["a root by a name that the disk may have", { kernelArguments: ["root=PARTLABEL=root", "rootwait"] }],
  ["a network that the kernel sets up", { network: [], kernelArguments: ["ip=dhcp"] }],
])("nothing is said about %s", (_, facts) => {
  expect(said(facts)).toEqual([]);
});

test.each([
  ["a password", { logins: ["password" as const] }, {}],
  ["keys that the disk is given", {}, { options: { ...options, rootSshAuthorizedKeys: ["ssh-ed25519 AAAA"] } }],
])("%s is a way to log in", (_, facts, check) => {
  expect(said({ agents: [], ...facts }, { ...check, targets: ["aws"], ignore: ["no-agent"] })).toEqual([]);
});

test("errors come first, in one failure, and an ignored code is not among them", () => {
  const facts = {
    ...fitFacts,
    ...drivers({ initramfs: [] }),
    machineIds: ["/etc/machine-id"],
    kernelArguments: ["root=PARTUUID=1"],
    serialConsole: false,
  };
  const findings = checkImage(facts, { ...everywhere, targets: ["qemu"] });
  expect(findings.map(({ code, severity }) => `${severity} ${code}`)).toEqual([
    "error missing-disk-driver",
    "error foreign-root",
    "warning populated-machine-id",
    "warning no-serial-console",
  ]);
  const failure = preflightFailure(findings);
  expect([failure?.kind, failure?.code]).toEqual(["input", "preflight"]);
  expect(failure === undefined ? "" : describeFailure(failure)).toMatchInlineSnapshot(`
    "A disk of this image would not boot: 2 reasons were found. Nothing was written.
    missing-disk-driver: Kernel 6.12.10 would not find its root disk on QEMU (virtio_blk): these drivers are neither built into it nor in its initramfs. To mend it, write virtio_blk into /etc/initramfs-tools/modules and run update-initramfs -u (Debian, initramfs-tools), or run dracut --force --regenerate-all --add-drivers "virtio_blk" (Fedora, dracut), in the Containerfile.
    foreign-root: The kernel is started with root=PARTUUID=1, and no partition of this disk has that UUID. To mend it, leave root= out, in disk.kernelArguments or where the image sets it: the disk's own boot entry names its root partition.
    fix: change the image as said above, or set checks: {ignore: ["missing-disk-driver", "foreign-root"]} to make the disk nevertheless."
  `);
  const ignore = ["missing-disk-driver", "foreign-root", "no-serial-console"] as const;
  const left = checkImage(facts, { ...everywhere, targets: ["qemu"], ignore });
  expect(left.map(({ code }) => code)).toEqual(["populated-machine-id"]);
  expect(preflightFailure(left)).toBeUndefined();
});

test("the failure of one finding", () => {
  const failure = preflightFailure(checkImage({ ...fitFacts, kernelArguments: ["root=UUID=1"] }, everywhere));
  expect(failure === undefined ? "" : describeFailure(failure)).toMatchInlineSnapshot(`
    "A disk of this image would not boot: one reason was found. Nothing was written.
    foreign-root: The kernel is started with root=UUID=1, and no partition of this disk has that UUID. To mend it, leave root= out, in disk.kernelArguments or where the image sets it: the disk's own boot entry names its root partition.
    fix: change the image as said above, or set checks: {ignore: ["foreign-root"]} to make the disk nevertheless."
  `);
});

test("facts survive a file, and those of another version are not believed", () => {
  expect(parseImageFacts(JSON.parse(JSON.stringify(fitFacts)))).toEqual(fitFacts);
  for (const other of [undefined, null, 7, {}, { ...fitFacts, version: imageFactsVersion + 1 }])
    expect(parseImageFacts(other)).toBeUndefined();
});

test("the README has a row for each code", async () => {
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const rows = [...readme.matchAll(/^\| `([a-z-]+)` \| (?:error|warning)/gm)].map(([, code]) => code);
  expect(rows).toEqual([...imageCheckCodes]);
});
