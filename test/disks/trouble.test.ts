/** What users are told when a disk cannot be made, and that nothing is left then. Small file systems need root. */
import { statfsSync, writeFileSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import type { DiskOptions } from "../../provider/model/disk.ts";
import type { OnProgress } from "../../provider/resources/ports.ts";
import { bootable, layer, layeredImage, requestFor, sha256, type LayeredImage } from "./layered-image.ts";
import { disksIn, output, scratchFolder } from "./scratch.ts";
import { tar } from "./tar-writer.ts";

async function refusal(image: LayeredImage, options: Partial<DiskOptions> = {}): Promise<string> {
  const folder = await scratchFolder();
  const message = await told(disksIn(folder, image.images).make(requestFor(image, options)));
  const left = await readdir(join(folder, "disks")).catch(() => []);
  expect(left).toEqual([]);
  return message;
}

function told(work: Promise<unknown>): Promise<string> {
  return work.then(JSON.stringify, (error: Failure) => describeFailure(error));
}

const without = (part: string): LayeredImage => layeredImage([bootable.filter(({ path }) => !path.includes(part))]);

test("an image without systemd, kernel, initramfs or systemd-boot is refused, each with what installs it", async () => {
  expect(await refusal(without("systemd/systemd"))).toMatchInlineSnapshot(`
    "The image cannot be booted from a disk: it has no systemd (no file /usr/lib/systemd/systemd). Nothing was written.
    fix: install systemd-sysv (Debian, Ubuntu) or systemd (Fedora) in the Containerfile."
  `);
  expect(await refusal(without("vmlinuz"))).toMatchInlineSnapshot(`
    "The image cannot be booted from a disk: it has no kernel (no file /boot/vmlinuz-<version> or /usr/lib/modules/<version>/vmlinuz). Nothing was written.
    fix: install linux-image-cloud-amd64 or linux-image-arm64 (Debian), linux-image-virtual (Ubuntu) or kernel-core (Fedora) in the Containerfile."
  `);
  expect(await refusal(without("initrd"))).toMatchInlineSnapshot(`
    "The image cannot be booted from a disk: its kernel 6.12.10-cloud-amd64 has no initramfs (no file /boot/initrd.img-6.12.10-cloud-amd64, /boot/initramfs-6.12.10-cloud-amd64.img or /usr/lib/modules/6.12.10-cloud-amd64/initramfs.img). Nothing was written.
    fix: install initramfs-tools (Debian, Ubuntu) or dracut (Fedora) in the Containerfile, before the kernel."
  `);
  expect(await refusal(without(".efi"))).toMatchInlineSnapshot(`
    "The image cannot be booted from a disk: it has no systemd-boot (no file /usr/lib/systemd/boot/efi/systemd-bootx64.efi). Nothing was written.
    fix: install systemd-boot-efi (Debian, Ubuntu) or systemd-boot-unsigned (Fedora) in the Containerfile, or name a file in disk.bootLoader."
  `);
});

test("the newest kernel that has an initramfs counts; Fedora's places and rescue kernels are known", async () => {
  const entries = [
    ...bootable.filter(({ path }) => !path.startsWith("boot/")),
    { path: "boot/vmlinuz-0-rescue-3f2a", content: "rescue" },
    { path: "boot/initramfs-0-rescue-3f2a.img", content: "rescue" },
    { path: "usr/lib/modules/6.17.9-300.fc43.x86_64/vmlinuz", content: "9" },
    { path: "usr/lib/modules/6.17.9-300.fc43.x86_64/initramfs.img", content: "9" },
    { path: "usr/lib/modules/6.17.10-300.fc43.x86_64/vmlinuz", content: "10" },
    { path: "boot/initramfs-6.17.10-300.fc43.x86_64.img", content: "10" },
    { path: "usr/lib/modules/6.18.0-1.fc43.x86_64/vmlinuz", content: "no initramfs" },
  ];
  const image = layeredImage([entries]);
  const disk = await disksIn(await scratchFolder(), image.images).make(requestFor(image));
  expect(await output("mtype", ["-i", `${disk.path}@@1M`, "::/linux"])).toBe("10");
  expect(await output("mtype", ["-i", `${disk.path}@@1M`, "::/initrd"])).toBe("10");
});

test("a foreign platform is refused by what the image has, or by what can be booted", async () => {
  const image = layeredImage([bootable]);
  const arm64 = await refusal(image, { platform: { os: "linux", architecture: "arm64" } });
  expect(arm64.replace(image.digest, "sha256:<image>")).toMatchInlineSnapshot(`
    "Image local/os@sha256:<image> has no linux/arm64; it has linux/amd64. Nothing was written.
    fix: set disk.platform to one that it has, or add the platform to the image's platforms."
  `);
  const power = { os: "linux", architecture: "ppc64le" };
  expect(await refusal(layeredImage([bootable], power), { platform: power })).toMatchInlineSnapshot(`
    "Platform linux/ppc64le is not one that the direct engine can make disks for; use linux/amd64, linux/arm64, linux/arm or linux/riscv64. Nothing was written.
    fix: set disk.platform to one of them."
  `);
});

test("an image that is gone is said to be", async () => {
  const image = layeredImage([bootable]);
  const gone = { ...image, reference: { ...image.reference, digest: sha256("gone") } };
  expect((await refusal(gone)).replace(sha256("gone"), "sha256:<image>")).toMatchInlineSnapshot(`
    "Image local/os@sha256:<image> is not there, so no disk can be made from it.
    fix: run pulumi refresh, then pulumi up, which builds or pushes it again."
  `);
});

test("a size that is too small says the size needed, and that size does", async () => {
  const image = layeredImage([[...bootable, { path: "var/data", content: Buffer.alloc(20_000_000, "data") }]]);
  const message = await refusal(image, { sizeBytes: 64 * 1024 ** 2 });
  expect(message).toMatchInlineSnapshot(`
    "disk.size is 64 MiB, and the image needs at least 93 MiB. Nothing was written.
    fix: set disk.size to 93MiB or more, or leave it out."
  `);
  const sizeBytes = Number(/at least ([0-9]+) MiB/.exec(message)?.[1]) * 1024 ** 2;
  const disk = await disksIn(await scratchFolder(), image.images).make(requestFor(image, { sizeBytes }));
  expect(disk.sizeBytes).toBe(sizeBytes);
});

test("what this provider does not write yet is refused by name", async () => {
  const image = layeredImage([bootable]);
  expect(await refusal(image, { engine: "linuxkit" })).toMatchInlineSnapshot(`
    "disk.engine is "linuxkit", which this provider does not have yet; use auto, direct, bootc or image-builder.
    fix: set disk.engine to auto, or leave it out."
  `);
  expect(await refusal(image, { kernelArguments: ["a\nb"] })).toMatchInlineSnapshot(`
    "disk.kernelArguments has "a\\nb", with a control character in it, which no boot entry can hold.
    fix: remove it."
  `);
});

test("layers that cannot be read are named", async () => {
  const broken = layer(tar(bootable).subarray(0, 1000));
  const cut = layer(Buffer.from("1f8b0800000000000003", "hex"));
  const odd = layer(Buffer.alloc(10), "application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
  const named = async (bad: typeof broken): Promise<string> =>
    (await refusal(layeredImage([bootable, bad]))).replace(bad.digest, "sha256:<layer>");
  expect(await named(broken)).toMatchInlineSnapshot(`
    "A layer of the image is not a tar archive that can be unpacked: it ends in the middle of an entry.
    It is layer 2 of 2, sha256:<layer>.
    fix: build the image again and push it."
  `);
  expect(await named(cut)).toMatchInlineSnapshot(`
    "Layer sha256:<layer> of the image cannot be decompressed: unexpected end of file.
    fix: build the image again and push it."
  `);
  expect(await named(odd)).toMatchInlineSnapshot(`
    "Layer sha256:<layer> of the image is of type application/vnd.oci.image.layer.v1.tar+gzip+encrypted, which holds no files that could be put on a disk; layers must be tar archives, plain or compressed with gzip or zstd.
    fix: use an image that is neither encrypted nor an artifact of another kind."
  `);
});

/** A file system of that size, which needs rights to be mounted. */
async function smallFolder(mebibytes: number): Promise<string> {
  const folder = join(await scratchFolder(), "small");
  await mkdir(folder);
  await output("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", folder]);
  onTestFinished(async () => void (await output("umount", [folder])));
  return folder;
}

const large = layeredImage([
  [
    ...bootable,
    { path: "var/data", content: Buffer.alloc(6_000_000, "data") },
    { path: "boot/initrd.img-6.12.10-cloud-amd64", content: Buffer.alloc(3_000_000, "i") },
  ],
]);

async function refusalIn(folder: string, onProgress: OnProgress = () => undefined): Promise<string> {
  const message = await told(disksIn(folder, large.images).make({ ...requestFor(large), onProgress }));
  expect(await readdir(join(folder, "disks"))).toEqual([]);
  return message.replace(folder, "<folder>");
}

test("a disk of this computer that runs full while layers are read, before or during the writing, leaves nothing", async () => {
  expect(await refusalIn(await smallFolder(3))).toMatchInlineSnapshot(`
    "There was no room left in <folder>/disks while the disk was being written. Nothing was left behind.
    fix: free some room there, or set XDG_CACHE_HOME to a folder with more."
  `);
  expect(await refusalIn(await smallFolder(10))).toMatchInlineSnapshot(`
    "The disk needs 12.6 MiB more, and 1.2 MiB are free in <folder>/disks. Nothing was left behind.
    fix: free 11.4 MiB there, or set XDG_CACHE_HOME to a folder with more."
  `);
  const folder = await smallFolder(60);
  expect(await refusalIn(folder, fillingUp(folder))).toBe(
    "There was no room left in <folder>/disks while the disk was being written. Nothing was left behind.\n" +
      "fix: free some room there, or set XDG_CACHE_HOME to a folder with more.",
  );
});

/** Just before the disk is written somebody else takes the room, all but the last MiB. */
function fillingUp(folder: string): OnProgress {
  return ({ phase, doneBytes }) => {
    if (phase !== "writing the disk" || doneBytes > 0) return;
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(join(folder, "other"), Buffer.alloc(bavail * bsize - 1024 ** 2));
  };
}

test("cancelling at any phase leaves nothing and says so", async () => {
  const phases = new Set<string>();
  const folder = await scratchFolder();
  const seen = { ...requestFor(large), onProgress: ({ phase }: { readonly phase: string }): void => void phases.add(phase) };
  await disksIn(join(folder, "whole"), large.images).make(seen);
  expect([...phases]).toEqual(["reading layers", "placing the files", "writing the disk"]);
  for (const at of phases) {
    const stop = new AbortController();
    const onProgress = ({ phase }: { readonly phase: string }): void => (phase === at ? stop.abort() : undefined);
    const message = await told(disksIn(join(folder, "cut"), large.images).make({ ...requestFor(large), signal: stop.signal, onProgress }));
    expect([at, message]).toEqual([at, "Making the disk was cancelled."]);
    expect(await readdir(join(folder, "cut", "disks"))).toEqual([]);
  }
});
