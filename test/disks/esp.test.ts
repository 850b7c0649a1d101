/** The EFI system partition as firmware and systemd-boot find it, read by mtools. */
import { createHash } from "node:crypto";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { espExtents, type Esp } from "../../provider/disks/esp.ts";
import type { StoredBytes } from "../../provider/model/disk-extent.ts";
import { writeExtents } from "./extent-file.ts";
import { output, scratchFolder } from "./scratch.ts";

const mebibyte = 1024 ** 2;
const kernel: StoredBytes = { sizeBytes: 9_000_000, pieces: [{ offset: 0, length: 9_000_000, from: 100 }] };
const initramfs: StoredBytes = { sizeBytes: 20_000_000, pieces: [{ offset: 0, length: 20_000_000, from: 9_000_100 }] };

const esp: Esp = {
  sizeBytes: 64 * mebibyte,
  serial: "c0ffee00",
  epochSeconds: 1_700_000_000,
  files: { kernelVersion: "6.12.10-cloud-amd64", kernel, initramfs, loader: Buffer.from("loader"), removableName: "BOOTX64.EFI" },
  entry: {
    rootPartition: "11111111-2222-8333-8444-555555555555",
    image: `sha256:${"a".repeat(64)}`,
    architecture: "amd64",
    kernelArguments: ["quiet", "console=tty0"],
  },
};

test("the partition holds the loader, its settings, one entry, kernel and initramfs", async () => {
  const folder = await scratchFolder();
  const stored = Buffer.alloc(29_000_100, "a kernel, an initramfs ");
  await writeFile(join(folder, "spool"), stored);
  await using spool = await open(join(folder, "spool"));
  const path = join(folder, "esp");
  await writeExtents(path, { sizeBytes: esp.sizeBytes, extents: espExtents(esp), spool });
  expect(await output("fsck.fat", ["-n", path])).toMatch(/: 10 files, /);
  expect((await output("mdir", ["-i", path, "-/", "-b", "::"])).split("\n").sort().join("\n")).toMatchInlineSnapshot(`
    "
    ::/EFI/
    ::/EFI/BOOT/
    ::/EFI/BOOT/BOOTX64.EFI
    ::/initrd
    ::/linux
    ::/loader/
    ::/loader/entries/
    ::/loader/entries/bootable.conf
    ::/loader/loader.conf"
  `);
  expect(await output("mtype", ["-i", path, "::/EFI/BOOT/BOOTX64.EFI"])).toBe("loader");
  expect(await output("mtype", ["-i", path, "::/loader/loader.conf"])).toMatchInlineSnapshot(`
    "timeout 0
    editor no
    "
  `);
  expect(await output("mtype", ["-i", path, "::/loader/entries/bootable.conf"])).toMatchInlineSnapshot(`
    "title Linux
    version 6.12.10-cloud-amd64
    linux /linux
    initrd /initrd
    options root=PARTUUID=11111111-2222-8333-8444-555555555555 rw console=ttyS0 systemd.wants=systemd-growfs-root.service quiet console=tty0 bootable.image=sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    "
  `);
  for (const [name, from, to] of [
    ["linux", 100, 9_000_100],
    ["initrd", 9_000_100, 29_000_100],
  ] as const) {
    await output("mcopy", ["-i", path, `::/${name}`, join(folder, name)]);
    expect((await readFile(join(folder, name))).equals(stored.subarray(from, to)), name).toBe(true);
  }
});

test("its bytes are what they always were", () => {
  const hash = createHash("sha256");
  for (const extent of espExtents(esp)) {
    hash.update(`${extent.at} `).update("bytes" in extent ? extent.bytes : `${extent.length} from ${extent.from}`);
  }
  expect(hash.digest("hex")).toMatchInlineSnapshot(`"d081494f60c549846643d5d09c64a200e4508fd806f8874929885dc2cd6f2912"`);
});
