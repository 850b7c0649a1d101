/** A disk with an XFS root boots. */
import { expect, test } from "vitest";
import { withBootedRoot } from "../guest/booted-root.ts";
import { initramfsLayer } from "../guest/mkfs-initramfs.ts";

test("a disk of Debian 13 on XFS boots, serves its page and lets root in", async () => {
  const layers = [await initramfsLayer("xfs")];
  await withBootedRoot({ variable: "BOOTABLE_BASE_TAR", architecture: "amd64", filesystem: "xfs", layers }, async ({ page, logIn }) => {
    expect(page).toMatch(/^\/dev\/\S+ \/ xfs rw/m);
    expect(await logIn()).toBe("confirmed");
  });
});
