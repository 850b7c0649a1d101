/** Archives of all kinds, those that GNU tar writes among them, and archives that are broken. */
import { randomBytes } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import * as fc from "fast-check";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { pack } from "tar-stream";
import { expect, test } from "vitest";
import { openSpool } from "../../provider/disks/spool.ts";
import { openLayer } from "../../provider/disks/layer-stream.ts";
import { readTar, type TarEntry } from "../../provider/disks/tar-reader.ts";
import { Failure } from "../../provider/failure.ts";
import { layer } from "./layered-image.ts";
import { output, scratchFolder } from "./scratch.ts";
import { header, padded, paxHeader, tar, withChecksum } from "./tar-writer.ts";

interface Read {
  readonly entry: TarEntry;
  readonly content: Buffer;
}

async function read(archive: Buffer, chunkBytes = 1000): Promise<Read[]> {
  const items: Read[] = [];
  const parts = Array.from({ length: Math.ceil(archive.length / chunkBytes) }, (_, at) =>
    archive.subarray(at * chunkBytes, (at + 1) * chunkBytes),
  );
  for await (const item of readTar(Readable.from(parts))) {
    items.push({ entry: item.entry, content: await collect(item.body()) });
  }
  return items;
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of chunks) parts.push(part);
  return Buffer.concat(parts);
}

test("everything that a header says is read, binary attributes included, however the bytes arrive", async () => {
  const capability = Buffer.from([1, 0, 0, 2, 0, 10, 61, 255]);
  const archive = tar([
    { path: "a", content: "hello", mode: 0o4755, uid: 5_000_000, gid: 7, mtimeSeconds: 12, xattrs: { "security.capability": capability } },
    { path: `long/${"n".repeat(200)}`, type: "symlink", linkTarget: "t".repeat(150) },
    { path: "dev/x", type: "block", device: [8, 300] },
    { path: "d", type: "directory" },
    { path: "\xff\xfe", content: Buffer.alloc(3000, "x") },
  ]);
  for (const chunkBytes of [1, 511, 512, 100_000]) {
    const [a, long, device, directory, odd] = await read(archive, chunkBytes);
    expect(a).toEqual({
      content: Buffer.from("hello"),
      entry: {
        path: "a",
        kind: "file",
        mode: 0o4755,
        uid: 5_000_000,
        gid: 7,
        mtimeSeconds: 12,
        linkTarget: "",
        device: { major: 0, minor: 0 },
        xattrs: new Map([["security.capability", capability]]),
        sizeBytes: 5,
        pieces: [{ offset: 0, length: 5 }],
      },
    });
    expect([long?.entry.path.length, long?.entry.linkTarget.length]).toEqual([205, 150]);
    expect(device?.entry.device).toEqual({ major: 8, minor: 300 });
    expect([directory?.entry.kind, directory?.entry.path]).toEqual(["directory", "d/"]);
    expect([odd?.entry.path, odd?.content.length]).toEqual(["\xff\xfe", 3000]);
  }
});

test("old GNU headers, base-256 numbers, global headers and times with fractions are understood", async () => {
  const large = header({ path: "large", uid: 0 }, "0", 0);
  large.fill(0, 108, 116);
  large[108] = 0x80;
  large.writeUInt32BE(3_000_000_000, 112);
  const archive = Buffer.concat([
    paxHeader({ uid: Buffer.from("9"), mtime: Buffer.from("5.75") }, "g"),
    header({ path: "././@LongLink" }, "L", 150),
    padded(Buffer.from("l".repeat(149) + "\0")),
    header({ path: "short" }, "0", 0),
    paxHeader({ uid: Buffer.from("10"), mtime: Buffer.from("-1.5") }),
    header({ path: "b" }, "0", 0),
    header({ path: "c" }, "\0", 0),
    Buffer.alloc(1024),
  ]);
  const entries = (await read(archive)).map(({ entry }) => [entry.path.length, entry.uid, entry.mtimeSeconds]);
  expect(entries).toEqual([
    [149, 9, 5],
    [1, 10, -2],
    [1, 9, 5],
  ]);
  const [entry] = await read(Buffer.concat([withChecksum(large), Buffer.alloc(1024)]));
  expect(entry?.entry.uid).toBe(3_000_000_000);
});

test("sparse files come out whole, in every form that GNU tar writes", async () => {
  const folder = await scratchFolder();
  const holes = join(folder, "holes");
  await using file = await open(holes, "w");
  for (let at = 0; at < 12; at++) await file.write(`data ${at}`, at * 300_000);
  await file.truncate(5_000_000);
  await output("cp", ["--sparse=always", holes, join(folder, "same")]);
  for (const format of [
    ["--format=gnu"],
    ["--format=posix", "--sparse-version=0.0"],
    ["--format=posix", "--sparse-version=0.1"],
    ["--format=posix", "--sparse-version=1.0"],
  ]) {
    const archive = join(folder, "archive.tar");
    await output("tar", ["--create", "--sparse", ...format, "--directory", folder, "--file", archive, "holes", "same"]);
    await using spool = await openSpool(join(await scratchFolder(), "spool"));
    const kept = [];
    for await (const item of readTar(Readable.from([await readFile(archive)]))) {
      expect([["holes", "same"][kept.length], 5_000_000]).toEqual([item.entry.path, item.entry.sizeBytes]);
      expect(item.entry.pieces.length).toBeGreaterThan(10);
      kept.push(await spool.store(item));
    }
    expect(kept.length).toBe(2);
    for (const body of kept) expect((await spool.read(body)).equals(await readFile(holes))).toBe(true);
  }
});

test("what tar-stream writes is read back, whatever it is", async () => {
  const name = fc
    .string({ minLength: 1, maxLength: 150, unit: fc.constantFrom("a", "/", "é", " ", "\n", "0") })
    .filter((text) => /[a0é]$/.test(text));
  const content = fc.uint8Array({ maxLength: 2000 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(name, content, fc.integer({ min: 1, max: 0o7777 }), fc.nat(3_000_000)), { maxLength: 5 }),
      async (files) => {
        const packing = pack();
        for (const [name, bytes, mode, uid] of files) packing.entry({ name, mode, uid, mtime: new Date(1000) }, Buffer.from(bytes));
        packing.finalize();
        const archive = await collect(packing as AsyncIterable<Buffer>);
        const found = (await read(archive)).map(({ entry, content }) => [
          Buffer.from(entry.path, "latin1").toString(),
          content,
          entry.mode,
        ]);
        expect(found).toEqual(files.map(([name, bytes, mode]) => [name, Buffer.from(bytes), mode]));
      },
    ),
    { numRuns: 200 },
  );
});

test("a broken archive is a clear failure, or still an archive", async () => {
  const whole = tar([
    { path: "a", content: "x".repeat(700), xattrs: { "user.a": Buffer.from("1") } },
    { path: "b", type: "symlink", linkTarget: "a" },
  ]);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), async (at, value, length) => {
      const broken = Buffer.from(whole.subarray(0, length));
      if (at < length) broken[at] = value;
      const outcome = await read(broken).catch((error: unknown) => error);
      expect(Array.isArray(outcome) || (outcome instanceof Failure && outcome.code === "malformed-layer")).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

async function decompressed(bytes: Buffer, mediaType: string): Promise<Buffer> {
  const reading = { signal: new AbortController().signal, onBytes: () => undefined };
  return collect(openLayer(layer(bytes, `application/vnd.oci.image.layer.v1.tar${mediaType}`), reading));
}

test("layers come in any compression, in parts, and under a wrong label", async () => {
  const parts = Array.from({ length: 300 }, (_, at) => tar([{ path: `file ${at}`, content: randomBytes(at * 7) }]).subarray(0, -1024));
  const archive = Buffer.concat([...parts, Buffer.alloc(200_000)]);
  const skippable = Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const checksum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
  const frames = [...parts, Buffer.alloc(200_000)].map((part, at) => zstdCompressSync(part, at % 2 === 0 ? checksum : {}));
  const chunked = Buffer.concat([skippable, ...frames.flatMap((frame) => [frame, skippable])]);
  const members = Buffer.concat([...parts, Buffer.alloc(200_000)].map((part) => gzipSync(part)));
  for (const [bytes, mediaType] of [
    [archive, ""],
    [archive, "+gzip"],
    [gzipSync(archive), "+gzip"],
    [members, "+gzip"],
    [gzipSync(archive), "+zstd"],
    [zstdCompressSync(archive), "+zstd"],
    [chunked, "+zstd"],
  ] as const) {
    expect((await decompressed(bytes, mediaType)).equals(archive)).toBe(true);
  }
});

test("a zstd layer that was cut or has garbage in it is refused", async () => {
  const whole = Buffer.concat([zstdCompressSync(Buffer.alloc(5000, "a")), zstdCompressSync(Buffer.alloc(5000, "b"))]);
  for (const bytes of [whole.subarray(0, -1), whole.subarray(0, 6), Buffer.concat([whole, Buffer.from("garbage")])]) {
    await expect(decompressed(bytes, "+zstd")).rejects.toMatchObject({ kind: "input", code: "malformed-layer" });
  }
});

test("small bodies that arrive in one buffer do not mix", async () => {
  await using spool = await openSpool(join(await scratchFolder(), "spool"));
  const kept = [];
  const inputs = Array.from({ length: 2500 }, (_, at) => ({ path: String(at), content: `content of ${at}` }));
  for await (const item of readTar(Readable.from([tar(inputs)]))) kept.push(await spool.store(item));
  const contents = await Promise.all(kept.map(async (body) => (await spool.read(body)).toString()));
  expect(contents).toEqual(inputs.map(({ content }) => content));
});
