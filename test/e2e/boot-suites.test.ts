/**
 * Disks of Debian 12 and sid boot and serve. Debian 13 does in test/hosts/qemu-guest.test.ts and in every scene of this folder.
 */
import { expect, test } from "vitest";
import { withBootedRoot } from "../guest/booted-root.ts";

const suites = [
  { suite: "12", release: /^VERSION_CODENAME=bookworm$/m, variable: "BOOTABLE_ROOT_BOOKWORM_TAR" },
  { suite: "sid", release: /^PRETTY_NAME=".*\/sid"$/m, variable: "BOOTABLE_ROOT_SID_TAR" },
];

test.for(suites)("a disk of Debian $suite boots, serves its page and lets root in", async ({ release, variable }) => {
  await withBootedRoot({ variable, architecture: "amd64" }, async ({ page, digest, logIn }) => {
    expect(page).toMatch(release);
    expect(page).toContain(` bootable.image=${digest}`);
    expect(page.trim().split("\n").at(-1)).toBe("x86_64");
    expect(await logIn()).toBe("confirmed");
  });
});
