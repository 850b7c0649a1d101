/** Disks whose image brings a unified kernel image, and neither a kernel nor an initramfs beside it. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tar } from "../disks/tar-writer.ts";
import { baseFile, makeUnifiedKernel } from "../disks/unified-kernel-maker.ts";
import { withBootedRoot } from "../guest/booted-root.ts";

/** Takes the place of everything in /boot. */
async function unifiedLayer(commandLine?: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "bootable-unified-"));
  try {
    await baseFile("boot", folder);
    const names = await readdir(join(folder, "boot"));
    const boot = async (start: string): Promise<Buffer> =>
      readFile(join(folder, "boot", names.find((name) => name.startsWith(start)) ?? start));
    const unified = await makeUnifiedKernel(folder, {
      osrel: "ID=debian\nVERSION_ID=13\n",
      ...(commandLine === undefined ? {} : { cmdline: commandLine }),
      linux: await boot("vmlinuz-"),
      initrd: await boot("initrd.img-"),
    });
    return tar([{ path: "boot/.wh..wh..opq" }, { path: "boot/EFI/Linux/debian.efi", content: unified }]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const root = { variable: "BOOTABLE_BASE_TAR", architecture: "amd64" } as const;

test("a unified kernel image with its command line inside boots as it is", async () => {
  const layers = [await unifiedLayer("root=/dev/vda2 rw console=ttyS0 no_timer_check sealed=yes")];
  await withBootedRoot({ ...root, layers, sealed: true }, async ({ page }) => {
    expect(page).toContain("root=/dev/vda2 rw console=ttyS0 no_timer_check sealed=yes");
    expect(page).not.toContain("bootable.image=");
  });
});

test("one without a command line boots with the disk's", async () => {
  await withBootedRoot({ ...root, layers: [await unifiedLayer()] }, async ({ page, digest }) => {
    expect(page).toMatch(/^root=PARTUUID=[0-9a-f-]{36} rw console=ttyS0 /m);
    expect(page).toContain(` bootable.image=${digest}`);
  });
});
