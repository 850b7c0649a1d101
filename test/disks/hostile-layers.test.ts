/** Layers made to break whoever unpacks them: each is refused in words and in little memory. */
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { FileNode } from "../../provider/disks/file-node.ts";
import { readLayers, type TreeLimits } from "../../provider/disks/read-layers.ts";
import { openSpool } from "../../provider/disks/spool.ts";
import { lookUp } from "../../provider/disks/tree-lookup.ts";
import { describeFailure, Failure } from "../../provider/failure.ts";
import { layer } from "./layered-image.ts";
import { scratchFolder } from "./scratch.ts";
import { header, padded, paxHeader } from "./tar-writer.ts";

const end = Buffer.alloc(1024);

/** One entry whose extended header says anything at all. */
function saying(values: Readonly<Record<string, string>>, flag = "0"): Buffer {
  const records = Object.entries(values).map(([key, value]) => [key, Buffer.from(value, "latin1")] as const);
  return Buffer.concat([paxHeader(Object.fromEntries(records)), header({ path: "entry" }, flag, 0), end]);
}

async function tree(bytes: Buffer, limits?: TreeLimits): Promise<FileNode> {
  await using spool = await openSpool(join(await scratchFolder(), "spool"));
  const { signal } = new AbortController();
  return await readLayers([layer(bytes)], { spool, signal, onProgress: () => undefined, ...(limits === undefined ? {} : { limits }) });
}

/** The first line of what is told. */
async function told(bytes: Buffer, limits?: TreeLimits): Promise<string> {
  const failure: unknown = await tree(bytes, limits).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Failure);
  return describeFailure(failure as Failure).split("\n", 1)[0] ?? "";
}

test("numbers that cannot be are refused", async () => {
  const unpacked = "A layer of the image is not a tar archive that can be unpacked: it has";
  for (const size of ["-1", "0.5"]) expect(await told(saying({ size }))).toBe(`${unpacked} an entry with a size that cannot be.`);
  for (const size of ["0x10", "1e300", "many", " ", "Infinity"]) {
    expect(await told(saying({ size }))).toBe(`${unpacked} an extended header with a number that cannot be read.`);
  }
  const sparse = saying({ "GNU.sparse.map": "0,0", "GNU.sparse.size": "900000000000000" });
  expect(await told(sparse)).toBe(`${unpacked} a file of more than 16 TiB.`);
});

test("no zero byte gets anywhere, and no path is deeper than what walks it", async () => {
  expect(await told(saying({ linkpath: "a\0b" }, "2"))).toBe(
    'A layer of the image has an entry "entry" that cannot be unpacked: its link target has a zero byte in it.',
  );
  expect(await told(saying({ linkpath: "a\0b" }, "1"))).toBe(
    'A layer of the image has an entry "a\\x00b" that cannot be unpacked: it has a zero byte in it.',
  );
  expect(await told(saying({ path: "a/".repeat(600) }))).toBe(
    `A layer of the image has an entry "${"a/".repeat(30)}..." that cannot be unpacked: it lies deeper than 512 directories.`,
  );
  expect(await told(saying({ path: `${"/".repeat(5_000_000)}a` }))).toBe(
    `A layer of the image has an entry "${"/".repeat(60)}..." that cannot be unpacked: its name is longer than 4096 bytes.`,
  );
  expect(lookUp(await tree(saying({ path: `${"a/".repeat(510)}a` })), `${"a/".repeat(510)}a`)?.kind).toBe("file");
});

test("attributes of other systems are left out; those too large are refused", async () => {
  const odd = { "-f/etc/shadow": "x", "": "x", "com.apple.provenance": "x", "user.kept": "x" };
  const named = Object.fromEntries(Object.entries(odd).map(([name, value]) => [`SCHILY.xattr.${name}`, value]));
  expect([...(lookUp(await tree(saying(named)), "entry")?.xattrs.keys() ?? [])]).toEqual(["user.kept"]);
  const unpacked = "A layer of the image is not a tar archive that can be unpacked: it has";
  for (const name of ["user.a\0b", `user.${"n".repeat(300)}`]) {
    expect(await told(saying({ [`SCHILY.xattr.${name}`]: "x" }))).toBe(`${unpacked} an extended attribute with a name that cannot be.`);
  }
  expect(await told(saying({ "SCHILY.xattr.user.a": "x".repeat(64 * 1024 + 1) }))).toBe(
    `${unpacked} a file with more than 64 KiB of extended attributes.`,
  );
});

test("what is small in a layer cannot fill the memory", async () => {
  const global = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`k${index}`, Buffer.from("v")]));
  const archive = Buffer.concat([paxHeader(global, "g"), header({ path: "a" }, "0", 0), end]);
  expect(await told(archive)).toBe(
    "A layer of the image is not a tar archive that can be unpacked: it says more than 1000 things about all of its entries.",
  );
  const many = Array.from({ length: 11 }, (_, index) => header({ path: `f${index}` }, "0", 0));
  expect(await told(gzipSync(Buffer.concat([...many, end])), { entries: 10, attributeBytes: 0 })).toBe(
    "The image has more than 10 files, which this provider does not put on a disk. Nothing was written.",
  );
  const attributes = { "SCHILY.xattr.user.a": Buffer.alloc(40_000) };
  const large = [1, 2].map((index) =>
    Buffer.concat([paxHeader(attributes), header({ path: `f${index}` }, "0", 1), padded(Buffer.from("x"))]),
  );
  expect(await told(Buffer.concat([...large, end]), { entries: 10, attributeBytes: 64 * 1024 })).toBe(
    "The image has more than 64 KiB of extended attributes, which this provider does not put on a disk. Nothing was written.",
  );
});
