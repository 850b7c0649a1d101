/**
 * Disks of Debian 12 and sid boot and serve. Debian 13 does in test/hosts/qemu-guest.test.ts and in every scene of this folder.
 */
import { execFileSync } from "node:child_process";
import { truncateSync } from "node:fs";
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

/** As systemd-repart and cloud-init's growpart do on a volume that is larger than the image. */
function growRootPartition(disk: string): Promise<void> {
  truncateSync(disk, 4 * 1024 ** 3);
  execFileSync("sfdisk", ["--quiet", "--partno", "2", disk], { input: ", +\n", env: { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` } });
  return Promise.resolve();
}

test("the root file system grows into a larger partition at its first boot, online", async () => {
  const grown = { variable: "BOOTABLE_BASE_TAR", architecture: "amd64", changeDisk: growRootPartition } as const;
  await withBootedRoot(grown, ({ page }) => {
    const [, , kibibytes = ""] = /^(\S+) +([0-9]+) .* \/$/m.exec(page) ?? [];
    expect(Number(kibibytes), page).toBeGreaterThan(3.5 * 1024 ** 2);
    return Promise.resolve();
  });
});
