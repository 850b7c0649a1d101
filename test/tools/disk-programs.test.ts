/** Arguments of the programs that make disks, and what is made of their complaints. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import { sparseCopyArgs } from "../../provider/tools/cp.ts";
import { e2fsprogs, mke2fsArgs } from "../../provider/tools/e2fsprogs.ts";
import { mcopyArgs, mformatArgs, mmdArgs } from "../../provider/tools/mtools.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { convertArgs } from "../../provider/tools/qemu-img.ts";

const uuid = "11111111-2222-8333-8444-555555555555";
const format = {
  file: "disk.raw",
  offsetBytes: 1024 ** 2,
  sizeBytes: 64 * 1024 ** 2,
  uuid,
  hashSeed: uuid,
  inodes: 4096,
  journalBytes: 4 * 1024 ** 2,
};

test("mke2fs is told everything that its configuration could decide", () => {
  expect(mke2fsArgs(format).join(" ")).toMatchInlineSnapshot(
    `"-q -F -t ext4 -m 1 -b 4096 -I 256 -N 4096 -J size=4 -O none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum,metadata_csum_seed -U 11111111-2222-8333-8444-555555555555 -E offset=1048576,hash_seed=11111111-2222-8333-8444-555555555555,root_owner=0:0,lazy_itable_init=1,assume_storage_prezeroed=1,nodiscard disk.raw 16384"`,
  );
});

test("mtools work on a part of a file, with names that cannot be options", () => {
  const part = { file: "disk.raw", offsetBytes: 1024 ** 2 };
  expect(mformatArgs({ ...part, sizeBytes: 64 * 1024 ** 2, label: "ESP", serial: "01234567" }).join(" ")).toMatchInlineSnapshot(
    `"-i disk.raw@@1048576 -F -c 1 -T 131072 -h 64 -s 32 -H 2048 -N 01234567 -v ESP ::"`,
  );
  expect(mmdArgs("disk.raw", 512, ["EFI", "EFI/BOOT"]).join(" ")).toMatchInlineSnapshot(`"-i disk.raw@@512 ::/EFI ::/EFI/BOOT"`);
  expect(mcopyArgs("disk.raw", 512, { from: "bodies/0/1", to: "linux" }).join(" ")).toMatchInlineSnapshot(
    `"-i disk.raw@@512 bodies/0/1 ::/linux"`,
  );
});

test("conversions write in order, copies keep holes", () => {
  expect(convertArgs("qcow2", "a", "b").join(" ")).toMatchInlineSnapshot(
    `"convert -m 16 -f raw -O qcow2 -o compat=1.1,cluster_size=65536 a b"`,
  );
  expect(convertArgs("vmdk", "a", "b").join(" ")).toMatchInlineSnapshot(`"convert -m 16 -f raw -O vmdk -o subformat=streamOptimized a b"`);
  expect(sparseCopyArgs("-a", "b").join(" ")).toMatchInlineSnapshot(`"--reflink=auto --sparse=always -- -a b"`);
});

test("debugfs succeeds whatever its commands came to, so its complaints count", async () => {
  const directory = await mkdtemp(join(tmpdir(), "bootable-tools-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const signal = new AbortController().signal;
  const part = { directory, file: "disk.raw", offsetBytes: 0, signal, epochSeconds: 1_700_000_000 };
  const tools = e2fsprogs(runProgram);
  await tools.format({ ...part, ...format, offsetBytes: 0 });
  const seen: number[] = [];
  await tools.edit({ ...part, script: "mkdir a\nmkdir b\n", onCommand: () => void seen.push(1) });
  expect(seen.length).toBe(2);
  const failure = await tools
    .edit({ ...part, script: "mkdir c\nmkdir c\nno-such-command\n", onCommand: () => undefined })
    .then(String, (error: Failure) => describeFailure(error));
  expect(failure).toMatchInlineSnapshot(`
    "debugfs, run to write an ext4 root file system, could not do all it was told.
    ext2fs_mkdir: Ext2 directory already exists while creating directory "c"
    mkdir: Ext2 directory already exists 
    debugfs: Command not found no-such-command"
  `);
  const once = await tools.editOnce({ ...part, command: "cd nowhere" }).then(String, (error: Failure) => describeFailure(error));
  expect(once).toMatchInlineSnapshot(`
    "debugfs, run to write an ext4 root file system, could not do all it was told.
    nowhere: File not found by ext2_lookup "
  `);
});
