/** What makes a disk one that can start: disks made by sfdisk, sgdisk, mke2fs and mtools, whole and with one thing amiss. */
import { open, truncate } from "node:fs/promises";
import { join } from "node:path";
import { assert, integer, nat, oneof, property } from "fast-check";
import { expect, test } from "vitest";
import { verifyDisk, type VerifiedDisk } from "../../provider/disks/verify-disk.ts";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import { gptEdgeBytes, parseGpt } from "../../provider/model/gpt-read.ts";
import { bootcDisk, bootcDiskBytes, composefsDeployment, type BootcDisk } from "./bootc-disk.ts";
import { partitions } from "./mounted.ts";
import { programs } from "./programs.ts";
import { output, scratchFolder } from "./scratch.ts";

function verify(path: string): Promise<VerifiedDisk> {
  const { signal } = new AbortController();
  return verifyDisk({ path, architecture: "amd64", maker: "bootc install to-disk", listing: programs.listing, signal });
}

async function refusal(path: string): Promise<string> {
  const told = await verify(path).then(JSON.stringify, (error: Failure) => describeFailure(error));
  const [before = "", what = ""] = told.split("its disk cannot start: ");
  expect(before).toBe("bootc install to-disk reported success, but ");
  expect(what).toMatch(
    /\nfix: look at the image's boot loader and its install configuration \(usr\/lib\/bootc\/install\), then run pulumi up again\.$/,
  );
  return what.split("\n")[0] ?? "";
}

const refusalOf = async (wanted: BootcDisk): Promise<string> => refusal(await bootcDisk(wanted));

test("both of bootc's layouts are known, and a root of the type that older versions give it", async () => {
  expect(await verify(await bootcDisk())).toEqual({ filesystem: "ext4", deployment: "ostree" });
  expect(await verify(await bootcDisk({ deployment: composefsDeployment }))).toEqual({ filesystem: "ext4", deployment: "composefs" });
  const plain = await bootcDisk({ rootType: "0fc63daf-8483-4772-8e79-3d69d8477de4" });
  expect(await verify(plain)).toEqual({ filesystem: "ext4", deployment: "ostree" });
});

test("whatever is missing is named", async () => {
  expect(await refusalOf({ loader: "EFI/shim.efi" })).toBe("its EFI system partition has no EFI/BOOT/BOOT*.EFI.");
  expect(await refusalOf({ deployment: "ostree/deploy/default/var" })).toBe(
    "nothing is deployed on its root (no entry below /ostree/deploy or /state/deploy).",
  );
  expect(await refusalOf({ partitions: ["size=1M", "size=40M,type=L", "name=root"] })).toBe("it has no EFI system partition.");
  const noRoot = ["size=1M,type=U", "size=40M,type=U,name=EFI-SYSTEM", "type=swap,name=other"];
  const esp = await bootcDisk({ partitions: noRoot });
  await output("sfdisk", ["--quiet", "--part-type", esp, "1", "swap"]);
  expect(await refusal(esp)).toBe("it has no root partition.");
});

/** Another file system's mark where ext4 has its own. */
async function markedDisk(mark: string, at: number): Promise<string> {
  const path = await bootcDisk();
  const root = (await partitions(path)).at(-1);
  await using file = await open(path, "r+");
  await file.write(Buffer.alloc(0x10000), 0, 0x10000, root?.offsetBytes);
  await file.write(mark, (root?.offsetBytes ?? 0) + at);
  return path;
}

test("xfs and btrfs are told apart and not looked into; nothing is no file system", async () => {
  expect(await verify(await markedDisk("XFSB", 0))).toEqual({ filesystem: "xfs", deployment: "not looked into" });
  expect(await verify(await markedDisk("_BHRfS_M", 0x10040))).toEqual({ filesystem: "btrfs", deployment: "not looked into" });
  expect(await refusal(await markedDisk("?", 0))).toBe("its root partition holds neither ext4 nor xfs nor btrfs.");
});

test("a table that is not whole is refused with what is wrong", async () => {
  const empty = join(await scratchFolder(), "disk");
  await (await open(empty, "w")).close();
  expect(await refusal(empty)).toBe("it has no first partition table.");
  await truncate(empty, 1024 ** 2);
  expect(await refusal(empty)).toBe("it has no first partition table.");
  await truncate(empty, 1000);
  expect(await refusal(empty)).toBe("its 1000 bytes are no whole number of sectors.");
  const cut = await bootcDisk();
  await truncate(cut, bootcDiskBytes - 512);
  expect(await refusal(cut)).toBe(`its first table looks for the copy in sector ${bootcDiskBytes / 512 - 1}, not the last.`);
});

test("partitions are read as sfdisk reads them, and no changed byte of either table passes", async () => {
  const path = await bootcDisk();
  const head = Buffer.alloc(gptEdgeBytes);
  const tail = Buffer.alloc(gptEdgeBytes);
  await using file = await open(path);
  await file.read(head, 0, head.length, 0);
  await file.read(tail, 0, tail.length, bootcDiskBytes - tail.length);
  const whole = parseGpt({ head, tail, diskBytes: bootcDiskBytes });
  const found = "partitions" in whole ? whole.partitions : [];
  expect(found.map(({ type, guid: uuid, offsetBytes, sizeBytes }) => ({ type, uuid, offsetBytes, sizeBytes }))).toEqual(
    (await partitions(path)).map(({ type, uuid, offsetBytes, sizeBytes }) => ({ type, uuid, offsetBytes, sizeBytes })),
  );
  expect(found.map(({ name }) => name)).toEqual(["BIOS-BOOT", "EFI-SYSTEM", "root"]);
  // The header takes 92 bytes of its sector; four entries of 128 bytes are enough to see.
  const inHead = oneof(
    nat({ max: 91 }).map((at) => 512 + at),
    nat({ max: 511 }).map((at) => 1024 + at),
  );
  const inTail = oneof(
    nat({ max: 91 }).map((at) => gptEdgeBytes - 512 + at),
    nat({ max: 511 }).map((at) => gptEdgeBytes - 33 * 512 + at),
  );
  assert(
    property(inHead, inTail, integer({ min: 1, max: 255 }), (first, last, flip) => {
      const changed = (bytes: Buffer, at: number): Buffer => {
        const copy = Buffer.from(bytes);
        copy[at] = (copy[at] ?? 0) ^ flip;
        return copy;
      };
      expect(parseGpt({ head: changed(head, first), tail, diskBytes: bootcDiskBytes })).toHaveProperty("broken");
      expect(parseGpt({ head, tail: changed(tail, last), diskBytes: bootcDiskBytes })).toHaveProperty("broken");
    }),
    { numRuns: 200 },
  );
});
