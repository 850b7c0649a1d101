/** What mkfs.xfs and mkfs.btrfs are told, by what they say that they know, and what the process that fills their files runs. */
import { expect, test } from "vitest";
import { mkfsBtrfsArgs } from "../../provider/tools/btrfs-progs.ts";
import { mknodArgs } from "../../provider/tools/mknod.ts";
import { mountArgs } from "../../provider/tools/mount.ts";
import { installFix } from "../../provider/tools/packages.ts";
import { privateArgs } from "../../provider/tools/private-mount.ts";
import { attributeDump } from "../../provider/tools/setfattr.ts";
import { mkfsXfsArgs } from "../../provider/tools/xfsprogs.ts";

const format = { file: "root", uuid: "11111111-2222-8333-8444-555555555555", label: "root" };

/** Of the usage that mkfs.xfs 6.1 shows. */
const olderUsage = `/* metadata */		[-m crc=0|1,finobt=0|1,uuid=xxx,rmapbt=0|1,reflink=0|1,
			    inobtcount=0|1,bigtime=0|1]
/* inode size */	[-i perblock=n|size=num,maxpct=n,attr=0|1|2,
			    projid32bit=0|1,sparse=0|1,nrext64=0|1]
/* naming */		[-n size=num,version=2|ci,ftype=0|1]
`;
/** With what came later. */
const newerUsage = olderUsage
  .replace("bigtime=0|1]", "bigtime=0|1,autofsck=xxx,metadir=0|1]")
  .replace("nrext64=0|1]", "nrext64=0|1,exchange=0|1]")
  .replace("ftype=0|1]", "ftype=0|1,parent=0|1]");
const oldestUsage = olderUsage.replace(",\n			    inobtcount=0|1,bigtime=0|1", "").replace(",nrext64=0|1", "");

test("mkfs.xfs names every feature that it knows, so that no version decides", () => {
  expect(mkfsXfsArgs(olderUsage, format).join(" ")).toMatchInlineSnapshot(
    `"-q -f -K -b size=4096 -s size=512 -i size=512 -m crc=1,finobt=1,reflink=1,bigtime=1,inobtcount=1,rmapbt=0 -i sparse=1,nrext64=0 -n ftype=1 -m uuid=11111111-2222-8333-8444-555555555555 -L root root"`,
  );
  expect(mkfsXfsArgs(newerUsage, format).join(" ")).toMatchInlineSnapshot(
    `"-q -f -K -b size=4096 -s size=512 -i size=512 -m crc=1,finobt=1,reflink=1,bigtime=1,inobtcount=1,rmapbt=0,metadir=0 -i sparse=1,nrext64=0,exchange=0 -n ftype=1,parent=0 -m uuid=11111111-2222-8333-8444-555555555555 -L root root"`,
  );
  expect(mkfsXfsArgs(oldestUsage, format).join(" ")).toMatchInlineSnapshot(
    `"-q -f -K -b size=4096 -s size=512 -i size=512 -m crc=1,finobt=1,reflink=1,rmapbt=0 -i sparse=1 -n ftype=1 -m uuid=11111111-2222-8333-8444-555555555555 -L root root"`,
  );
});

test("mkfs.btrfs leaves off what older kernels do not mount", () => {
  const older =
    "Filesystem features available:\nextref              - increased hardlink limit\nno-holes            - no explicit hole extents\n";
  expect(mkfsBtrfsArgs(older, format).join(" ")).toMatchInlineSnapshot(
    `"--quiet --force --nodiscard --sectorsize 4096 --nodesize 16384 --checksum crc32c --data single --metadata dup --uuid 11111111-2222-8333-8444-555555555555 --label root root"`,
  );
  const newer = `${older}block-group-tree    - block group tree, more efficient block group tracking (compat=6.1)\n`;
  expect(mkfsBtrfsArgs(newer, format).join(" ")).toMatchInlineSnapshot(
    `"--quiet --force --nodiscard --sectorsize 4096 --nodesize 16384 --checksum crc32c --data single --metadata dup --features ^block-group-tree --uuid 11111111-2222-8333-8444-555555555555 --label root root"`,
  );
});

test("mounts are in a namespace that ends with us, and their loop devices with them", () => {
  const place = { file: "/cache/root", directory: "/cache/mounted" };
  expect(mountArgs({ filesystem: "xfs", ...place }).join(" ")).toMatchInlineSnapshot(
    `"-t xfs -o loop,noatime,nodev,nosuid,noexec,nouuid /cache/root /cache/mounted"`,
  );
  expect(mountArgs({ filesystem: "btrfs", ...place }).join(" ")).toMatchInlineSnapshot(
    `"-t btrfs -o loop,noatime,nodev,nosuid,noexec /cache/root /cache/mounted"`,
  );
  expect(privateArgs(["node", "fill-root.ts"]).join(" ")).toMatchInlineSnapshot(
    `"--pdeathsig KILL unshare --mount --propagation private -- node fill-root.ts"`,
  );
});

test("device nodes and fifos", () => {
  const device = { major: 300, minor: 70_000 };
  expect(mknodArgs({ path: "/mounted/0", kind: "character", device })).toEqual(["--", "/mounted/0", "c", "300", "70000"]);
  expect(mknodArgs({ path: "/mounted/0", kind: "block", device })).toEqual(["--", "/mounted/0", "b", "300", "70000"]);
  expect(mknodArgs({ path: "/mounted/0", kind: "fifo", device })).toEqual(["--", "/mounted/0", "p"]);
});

test("attributes are told in the form of getfattr, with odd bytes of their names escaped", () => {
  const dump = attributeDump([
    {
      name: "0",
      attributes: new Map([
        ["user.empty", Buffer.alloc(0)],
        ["security.capability", Buffer.from([1, 0, 255])],
      ]),
    },
    { name: "1", attributes: new Map([["user.a=b\\c d\n\xff", Buffer.from("x")]]) },
  ]);
  expect(dump).toMatchInlineSnapshot(`
    "# file: 0
    user.empty=0s
    security.capability=0sAQD/

    # file: 1
    user.a\\075b\\134c\\040d\\012\\377=0seA==
    "
  `);
});

test("who lacks a program is told what installs it", () => {
  const names = ["mkfs.xfs", "mkfs.btrfs", "setfattr", "mknod", "mount", "umount", "sync", "setpriv"];
  expect(names.map((name) => `${name}: ${installFix(name)}`).join("\n")).toMatchInlineSnapshot(`
    "mkfs.xfs: install xfsprogs, or set bootable:tools.mkfsXfs to its path.
    mkfs.btrfs: install btrfs-progs, or set bootable:tools.mkfsBtrfs to its path.
    setfattr: install attr, or set bootable:tools.setfattr to its path.
    mknod: install coreutils, or set bootable:tools.mknod to its path.
    mount: install mount (Debian) or util-linux (Fedora), or set bootable:tools.mount to its path.
    umount: install mount (Debian) or util-linux (Fedora), or set bootable:tools.umount to its path.
    sync: install coreutils, or set bootable:tools.sync to its path.
    setpriv: install util-linux, or set bootable:tools.setpriv to its path."
  `);
});
