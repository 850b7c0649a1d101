/** Exported files, judged by qemu-img, tar and sgdisk. */
import { mkdir, open, readdir, readFile, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import type { DiskFormat } from "../../provider/model/disk.ts";
import type { ExportedFile } from "../../provider/resources/ports.ts";
import { bootable, layeredImage, requestFor, sha256 } from "./layered-image.ts";
import { partitions } from "./mounted.ts";
import { disksIn, output, scratchFolder } from "./scratch.ts";

const image = layeredImage([bootable]);

async function exported(folder: string, format: DiskFormat, directory = "out"): Promise<ExportedFile> {
  const request = { ...requestFor(image), format, directory: join(folder, directory), baseName: "web" };
  return disksIn(join(folder, "cache"), image.images).export(request);
}

test("each format holds the raw disk's bytes, is its owner's alone, and is the same each time", async () => {
  const folder = await scratchFolder();
  const disk = await disksIn(join(folder, "cache"), image.images).make(requestFor(image));
  const readers = { raw: "raw", qcow2: "qcow2", vhd: "vpc", vmdk: "vmdk" } as const;
  for (const [format, reader] of Object.entries(readers)) {
    const file = await exported(folder, format as DiskFormat);
    expect(file).toEqual({
      path: join(folder, "out", `web.${format}`),
      format,
      sizeBytes: (await stat(file.path)).size,
      digest: sha256(await readFile(file.path)),
    });
    expect((await stat(file.path)).mode & 0o777).toBe(0o600);
    expect(await output("qemu-img", ["compare", "-f", "raw", "-F", reader, disk.path, file.path])).toBe("Images are identical.\n");
    if (format !== "raw" && format !== "vhd") await output("qemu-img", ["check", "-f", reader, file.path]);
    expect((await exported(folder, format as DiskFormat, "again")).digest).toBe(file.digest);
  }
  expect((await readdir(join(folder, "out"))).sort()).toEqual(["web.qcow2", "web.raw", "web.vhd", "web.vmdk"]);
});

test("files that are asked for with a disk are written in the pass that makes it, and are those that an export writes", async () => {
  const folder = await scratchFolder();
  const phases = new Set<string>();
  const request = { ...requestFor(image), onProgress: ({ phase }: { readonly phase: string }): void => void phases.add(phase) };
  const wanted = (["vhd", "qcow2", "gce", "vmdk"] as const).map((format) => ({ format, directory: join(folder, "out"), baseName: "web" }));
  const makers = disksIn(join(folder, "cache"), image.images);
  await makers.make({ ...request, files: wanted });
  expect((await readdir(join(folder, "out"))).sort()).toEqual(["web.qcow2", "web.tar.gz", "web.vhd"]);
  for (const file of wanted) {
    const made = await makers.export({ ...request, ...file });
    expect(made.digest).toBe(sha256(await readFile(made.path)));
    expect((await stat(made.path)).mode & 0o777).toBe(0o600);
    if (file.format !== "vmdk") expect((await exported(folder, file.format, "later")).digest).toBe(made.digest);
  }
  expect([...phases].filter((phase) => phase.startsWith("writing"))).toEqual(["writing the disk", "writing vmdk"]);
});

test("a cached disk that is no longer what was made is not written to anybody's file", async () => {
  const folder = await scratchFolder();
  const disk = await disksIn(join(folder, "cache"), image.images).make(requestFor(image));
  const record = disk.path.replace(/raw$/, "json");
  const known = JSON.parse(await readFile(record, "utf8")) as object;
  await using file = await open(disk.path, "r+");
  await file.write(Buffer.from("x"), 0, 1, 5 * 1024 ** 2);
  // As if a disk of this computer had lost a bit: nobody wrote to the file.
  await writeFile(record, JSON.stringify({ ...known, modifiedAt: (await file.stat()).mtimeMs }));
  const message = await exported(folder, "qcow2").then(String, (error: Failure) => describeFailure(error));
  expect(message.replace(disk.path, "<disk>").replace(disk.digest, "<digest>")).toMatchInlineSnapshot(`
    "The cached disk <disk> is no longer what was made: its bytes do not match <digest>. Nothing was written from it.
    fix: remove it; the next run makes it again."
  `);
  expect(await readdir(join(folder, "out"))).toEqual([]);
});

test("a vhd is whole MiB and a footer, sparse, and of the size it says", async () => {
  const file = await exported(await scratchFolder(), "vhd");
  const { size, blocks } = await stat(file.path);
  expect((size - 512) % 1024 ** 2).toBe(0);
  expect(blocks * 512).toBeLessThan(size / 4);
  const facts = JSON.parse(await output("qemu-img", ["info", "--output=json", "-f", "vpc", file.path])) as Record<string, unknown>;
  expect(facts["virtual-size"]).toBe(size - 512);
});

test("a gce archive holds one disk of whole GiB with its partition table at both ends", async () => {
  const folder = await scratchFolder();
  const file = await exported(folder, "gce");
  expect(file.path).toBe(join(folder, "out", "web.tar.gz"));
  const listing = await output("tar", ["--list", "--verbose", "--numeric-owner", "--utc", "--file", file.path]);
  expect(listing).toBe("-rw-r--r-- 0/0      1073741824 2023-11-14 22:13 disk.raw\n");
  await output("tar", ["--extract", "--sparse", "--directory", folder, "--file", file.path]);
  const unpacked = join(folder, "disk.raw");
  expect(await output("sgdisk", ["--verify", unpacked])).toContain("No problems found");
  const disk = await disksIn(join(folder, "cache"), image.images).make(requestFor(image));
  expect(await partitions(unpacked)).toEqual(await partitions(disk.path));
  const root = (await partitions(unpacked)).at(-1);
  await output("e2fsck", ["-fn", `${unpacked}?offset=${root?.offsetBytes}`]);
});

test("what a killed writer left in the folder goes with the next one", async () => {
  const folder = await scratchFolder();
  await mkdir(join(folder, "out"));
  for (const name of ["web.vhd.partial-1-abc", "web.qcow2.partial-2-def", "web.partial", "other.vhd.partial-1-abc"])
    await writeFile(join(folder, "out", name), "half");
  await exported(folder, "vhd");
  expect((await readdir(join(folder, "out"))).sort()).toEqual([
    "other.vhd.partial-1-abc",
    "web.partial",
    "web.qcow2.partial-2-def",
    "web.vhd",
  ]);
});

test("a file that is right already is not written again; one that changed is", async () => {
  const folder = await scratchFolder();
  const file = await exported(folder, "qcow2");
  const before = await stat(file.path);
  expect(await exported(folder, "qcow2")).toEqual(file);
  expect((await stat(file.path)).ino).toBe(before.ino);
  await truncate(file.path, 100);
  expect(await exported(folder, "qcow2")).toEqual(file);
  const rewritten = await stat(file.path);
  await utimes(file.path, 1, 1);
  await exported(folder, "qcow2");
  expect((await stat(file.path)).ino).not.toBe(rewritten.ino);
  const records = await readdir(join(folder, "cache", "disks", "exports"));
  for (const name of records) await writeFile(join(folder, "cache", "disks", "exports", name), "{");
  expect(await exported(folder, "qcow2")).toEqual(file);
});

test("a format or a name that cannot be is refused", async () => {
  const folder = await scratchFolder();
  const refusal = async (format: string, baseName: string): Promise<string> => {
    const request = { ...requestFor(image), format: format as DiskFormat, directory: folder, baseName };
    return disksIn(folder, image.images)
      .export(request)
      .then(String, (error: Failure) => describeFailure(error));
  };
  expect(await refusal("vdi", "web")).toMatchInlineSnapshot(`
    "format "vdi" is not one this provider can write; use raw, qcow2, vhd, vmdk, gce or iso.
    fix: change formats."
  `);
  expect(await refusal("raw", "../web")).toMatchInlineSnapshot(`
    ""../web" cannot be the name of a file.
    fix: use a name without slashes."
  `);
});

test("cancelling an export leaves no file", async () => {
  const folder = await scratchFolder();
  await disksIn(join(folder, "cache"), image.images).make(requestFor(image));
  for (const format of ["raw", "vmdk", "gce"] as const) {
    const stop = new AbortController();
    const request = { ...requestFor(image), format, directory: join(folder, "out"), baseName: "web", signal: stop.signal };
    const onProgress = (progress: { readonly phase: string }): void => (progress.phase.startsWith("writing") ? stop.abort() : undefined);
    const failure = await disksIn(join(folder, "cache"), image.images)
      .export({ ...request, onProgress })
      .then(String, (error: Failure) => describeFailure(error));
    expect(failure.replace(folder, "<folder>")).toBe(
      `Writing <folder>/out/web${format === "gce" ? ".tar.gz" : `.${format}`} was cancelled.`,
    );
    expect(await readdir(join(folder, "out"))).toEqual([]);
  }
});

test("a folder that cannot be made is named", async () => {
  const folder = await scratchFolder();
  await writeFile(join(folder, "out"), "a file");
  const failure = await exported(folder, "raw").then(String, (error: Failure) => describeFailure(error));
  expect(failure.replace(folder, "<folder>")).toMatchInlineSnapshot(`
    "directory "<folder>/out" cannot be made (EEXIST).
    fix: set directory to a folder that you may write to."
  `);
});
