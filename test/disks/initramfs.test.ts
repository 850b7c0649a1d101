/** Initramfs files, made by the tools that distributions make them with. */
import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readInitramfs, type InitramfsLimits } from "../../provider/disks/initramfs.ts";
import { scratchFolder } from "./scratch.ts";

function filter([program = "", ...args]: readonly string[], input: Buffer | string, directory?: string): Buffer {
  return execFileSync(program, args, { input, maxBuffer: 1024 ** 3, stdio: ["pipe", "pipe", "ignore"], cwd: directory });
}

/** One cpio archive by busybox, of files with those names. */
async function archive(files: Readonly<Record<string, Buffer | string>>): Promise<Buffer> {
  const folder = await scratchFolder();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return filter(["busybox", "cpio", "-o", "-H", "newc"], `${Object.keys(files).join("\n")}\n`, folder);
}

const gzip = (bytes: Buffer): Buffer => filter(["gzip", "-9"], bytes);
const zstd = (bytes: Buffer): Buffer => filter(["zstd", "-q", "-19"], bytes);

interface Seen {
  readonly names: readonly string[];
  readonly unread: string | undefined;
}

async function look(bytes: Buffer, limits?: InitramfsLimits): Promise<Seen> {
  const names: string[] = [];
  const signal = new AbortController().signal;
  const unread = await readInitramfs(bytes, { signal, onName: (name) => names.push(name), ...(limits === undefined ? {} : { limits }) });
  return { names, unread };
}

test("an early part with microcode and a main part, as Debian and Fedora join them", async () => {
  const early = await archive({ "kernel/x86/microcode/GenuineIntel.bin": Buffer.alloc(70_001, "u") });
  const main = await archive({ init: "#!/bin/sh\n", "usr/lib/modules/6.12/kernel/nvme.ko.xz": Buffer.alloc(300_007, "m") });
  const names = ["kernel/x86/microcode/GenuineIntel.bin", "init", "usr/lib/modules/6.12/kernel/nvme.ko.xz"];
  for (const compressed of [main, gzip(main), zstd(main)]) {
    expect(await look(Buffer.concat([early, compressed]))).toEqual({ names, unread: undefined });
  }
});

test("parts after compressed ones, zeros between and after them, in any order", async () => {
  const plain = await archive({ a: "1", b: "22" });
  const parts = [plain, gzip(plain), zstd(plain)];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 9 })), { minLength: 1, maxLength: 6 }), async (order) => {
      const joined = order.flatMap(([part, zeros]) => [parts[part] ?? plain, Buffer.alloc(zeros * 4)]);
      expect(await look(Buffer.concat(joined))).toEqual({ names: order.flatMap(() => ["a", "b"]), unread: undefined });
    }),
    { numRuns: 60 },
  );
});

test("a gzip header with a file's name, a comment and an extra field", async () => {
  const packed = gzip(await archive({ init: "1" }));
  const flagged = Buffer.concat([packed.subarray(0, 3), Buffer.from([4 + 8 + 16]), packed.subarray(4, 10)]);
  const fields = Buffer.from("\x03\x00abcname\0comment\0", "latin1");
  expect(await look(Buffer.concat([flagged, fields, packed.subarray(10)]))).toEqual({ names: ["init"], unread: undefined });
});

test.each([
  ["xz", "fd377a585a000004"],
  ["lzma", "5d00008000ffffff"],
  ["bzip2", "425a683931415926"],
  ["lzop", "894c5a4f000d0a1a"],
  ["lz4", "02214c1800000000"],
])("what is compressed with %s is not read, and the part before it is", async (name, magic) => {
  const early = await archive({ early: "1" });
  expect(await look(Buffer.concat([early, Buffer.from(magic, "hex")]))).toEqual({ names: ["early"], unread: `is compressed with ${name}` });
});

test("what is damaged or no archive at all", async () => {
  const whole = await archive({ a: Buffer.alloc(500_000, "x"), b: "2" });
  const packed = gzip(whole);
  expect(await look(whole.subarray(0, 400_000))).toEqual({ names: [], unread: "is damaged" });
  expect(await look(whole.subarray(0, 50))).toEqual({ names: [], unread: "is damaged" });
  expect((await look(packed.subarray(0, packed.length / 2))).unread).toBe("is damaged");
  expect((await look(zstd(whole).subarray(0, 30))).unread).toBe("is damaged");
  expect((await look(gzip(Buffer.from("no archive")))).unread).toBe("is no cpio archive");
  expect((await look(Buffer.from("initramfs"))).unread).toBe("is no cpio archive");
  expect((await look(Buffer.concat([gzip(whole), Buffer.from("tail")]))).unread).toBe("is no cpio archive");
});

test("random bytes never make more than an answer", async () => {
  const real = await archive({ a: "1" });
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.constantFrom("1f8b08", "28b52ffd", "30373037", ""), async (bytes, start) => {
      const { unread } = await look(Buffer.concat([real, Buffer.from(start, "hex"), Buffer.from(bytes)]));
      expect([undefined, "is damaged", "is no cpio archive"]).toContain(unread?.startsWith("is compressed") === true ? undefined : unread);
    }),
    { numRuns: 200 },
  );
});

test("a bomb is not unpacked to its end", async () => {
  const bomb = zstd(await archive({ zeros: Buffer.alloc(64 * 1024 ** 2) }));
  expect(bomb.length).toBeLessThan(20_000);
  expect((await look(bomb, { unpackedBytes: 1024 ** 2, names: 10 })).unread).toBe("is too large to be looked into");
  const many = await archive({ a: "1", b: "2", c: "3" });
  expect(await look(many, { unpackedBytes: 1024 ** 2, names: 2 })).toEqual({ names: ["a", "b"], unread: "is too large to be looked into" });
  expect((await look(gzip(Buffer.alloc(8 * 1024 ** 2)))).unread).toBe("is no cpio archive");
});

test("a stopped run stops", async () => {
  const signal = AbortSignal.abort();
  const bytes = await archive({ a: "1" });
  for (const part of [bytes, gzip(bytes)]) {
    await expect(readInitramfs(part, { signal, onName: () => undefined })).rejects.toBe(signal.reason);
  }
});
