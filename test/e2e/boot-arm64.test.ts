/** A disk of an arm64 image, made on whatever computer this is, boots on an emulated arm64 machine. */
import { expect, test } from "vitest";
import { withBootedRoot } from "../guest/booted-root.ts";

test("a disk made from an arm64 image boots in QEMU for aarch64 and serves its page", async () => {
  await withBootedRoot({ variable: "BOOTABLE_ROOT_ARM64_TAR", architecture: "arm64" }, async ({ page, digest }) => {
    expect(page).toMatch(/^VERSION_CODENAME=trixie$/m);
    expect(page).toContain(` bootable.image=${digest}`);
    expect(page.trim().split("\n").at(-1)).toBe("aarch64");
  });
});
