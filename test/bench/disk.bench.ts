/** Making a disk of the guests' base image, against untar plus mke2fs; and its export formats, against qemu-img and tar. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { disks } from "../../provider/disks/disks.ts";
import type { DiskFormat } from "../../provider/model/disk.ts";
import { images } from "../../provider/registry/images.ts";
import type { DiskRequest, Disks } from "../../provider/resources/ports.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { programs } from "../disks/programs.ts";
import { writeLayout } from "../e2e/base-image.ts";
import { given, inTurns, run, secondsOf } from "./measure.ts";
import { formatRow } from "./table.ts";

const turns = 3;
const signal = new AbortController().signal;
const onProgress = (): void => undefined;
const platform = { os: "linux", architecture: "amd64" };

const contestants = { qcow2: "qcow2", vmdk: "vmdk", vhd: "vpc" } as const;

const folder = await mkdtemp(join(tmpdir(), "bootable-bench-"));
try {
  await measure();
} finally {
  await rm(folder, { recursive: true, force: true });
}

interface Stored {
  readonly request: DiskRequest;
  /** The layers' compressed archives, from the lowest to the highest. */
  readonly blobs: readonly string[];
  readonly disksIn: (cache: string) => Disks;
}

async function measure(): Promise<void> {
  const base = await stored("base", given("BOOTABLE_BASE_TAR"));
  const disk = await base.disksIn("kept").make(base.request);
  await measureMaking("raw disk of the guests' base image, bootable and with its digest", base);
  await measureMaking("raw disk of an image of 1 GiB, the same", await stored("large", await gibibyteTar(given("BOOTABLE_BASE_TAR"))));
  for (const [format, theirs] of Object.entries(contestants)) {
    const to = join(folder, "converted");
    const args = [...convertArgs(theirs), disk.path, to];
    await measureExport(base, format as DiskFormat, { name: "qemu-img convert", convert: () => run("qemu-img", args), result: to });
  }
  const archive = join(folder, "disk.tar.gz");
  const packing = ["--create", "--format=oldgnu", "--sparse", "--gzip", "--file", archive];
  const args = [...packing, "--directory", dirname(disk.path), basename(disk.path)];
  await measureExport(base, "gce", { name: "tar --sparse --gzip", convert: () => run("tar", args), result: archive });
  await measureOnePass(base);
}

async function measureExport({ request, disksIn }: Stored, format: DiskFormat, other: Converter): Promise<void> {
  const directory = join(folder, "exported");
  const ours = async (): Promise<number> => {
    await rm(directory, { recursive: true, force: true });
    return secondsOf(() => disksIn("kept").export({ ...request, format, directory, baseName: "base" }));
  };
  const theirs = async (): Promise<number> => {
    await rm(other.result, { force: true });
    return secondsOf(async () => {
      await other.convert();
      await run("sha256sum", [other.result]);
    });
  };
  const took = await inTurns(turns, { ours, theirs });
  const what = `export that disk as ${format}, proving the disk and with the file's digest`;
  console.log(formatRow({ what, ours: took.ours, other: { name: `${other.name}, sha256sum`, took: took.theirs } }));
}

/** The same files after the disk and with it. */
async function measureOnePass({ request, disksIn }: Stored): Promise<void> {
  const directory = join(folder, "exported");
  const wanted = (["qcow2", "vhd", "gce"] as const).map((format) => ({ format, directory, baseName: "base" }));
  const made = async (files: typeof wanted): Promise<number> => {
    for (const name of ["exported", "fresh"]) await rm(join(folder, name), { recursive: true, force: true });
    return secondsOf(async () => {
      await disksIn("fresh").make({ ...request, files });
      for (const file of wanted) await disksIn("fresh").export({ ...request, ...file });
    });
  };
  const took = await inTurns(turns, { together: () => made(wanted), apart: () => made([]) });
  const what = "raw disk, qcow2, vhd and gce in one pass";
  console.log(formatRow({ what, ours: took.together, other: { name: "the same one after the other", took: took.apart } }));
}

interface Converter {
  readonly name: string;
  readonly convert: () => Promise<unknown>;
  readonly result: string;
}

function convertArgs(format: "qcow2" | "vmdk" | "vpc"): string[] {
  const options = { qcow2: [], vmdk: ["-o", "subformat=streamOptimized"], vpc: ["-o", "subformat=fixed,force_size=on"] }[format];
  return ["convert", "-f", "raw", "-O", format, ...options];
}

/** An image of one layer in a local store. */
async function stored(name: string, tar: string): Promise<Stored> {
  const layoutDirectory = join(folder, `${name}-layout`);
  await writeLayout(tar, layoutDirectory);
  const storeDirectory = join(folder, `${name}-store`);
  const store = images({ storeDirectory, runProgram });
  const repository = { registry: "local", repository: `bench/${name}` };
  const { digest } = await store.publish({ layoutDirectory, repository, tags: [name], signal, onProgress });
  const options = { filesystem: "ext4", kernelArguments: [], engine: "direct", platform, rootSshAuthorizedKeys: [] } as const;
  const image = { ...repository, digest };
  const { layers } = await store.open(image, platform, { signal, onProgress });
  return {
    request: { image, options, signal, onProgress },
    blobs: layers.map((layer) => join(storeDirectory, "blobs", ...layer.digest.split(":"))),
    disksIn: (cache) => disks({ images: store, programs, cacheDirectory: join(folder, cache), cacheSizeBytes: () => 1024 ** 4 }),
  };
}

/** The base with four copies of itself in folders beside it. */
async function gibibyteTar(baseTar: string): Promise<string> {
  const root = join(folder, "unpacked");
  const tar = join(folder, "large.tar");
  await mkdir(root);
  await run("tar", ["--extract", "--numeric-owner", "--directory", root, "--file", baseTar]);
  await run("tar", ["--create", "--numeric-owner", "--directory", root, "--file", tar, "."]);
  for (const copy of [1, 2, 3, 4]) {
    const elsewhere = `s,^[.]/,./srv/copy${copy}/,S`;
    await run("tar", ["--append", "--numeric-owner", "--transform", elsewhere, "--directory", root, "--file", tar, "."]);
  }
  return tar;
}

/** They get a file system of the same size, without partition table, boot loader and digests. */
async function measureMaking(what: string, { request, blobs, disksIn }: Stored): Promise<void> {
  const root = join(folder, "root");
  const fileSystem = join(folder, "root.ext4");
  let kibibytes = 0;
  const ours = async (): Promise<number> => {
    await rm(join(folder, "fresh"), { recursive: true, force: true });
    return secondsOf(async () => (kibibytes = (await disksIn("fresh").make(request)).sizeBytes / 1024));
  };
  const theirs = async (): Promise<number> => {
    await rm(root, { recursive: true, force: true });
    await rm(fileSystem, { force: true });
    await mkdir(root);
    return secondsOf(async () => {
      for (const blob of blobs)
        await run("tar", ["--extract", "--gzip", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C", root, "-f", blob]);
      await run("mke2fs", ["-q", "-t", "ext4", "-d", root, fileSystem, `${kibibytes}k`]);
    });
  };
  const took = await inTurns(turns, { ours, theirs });
  console.log(formatRow({ what, ours: took.ours, other: { name: "tar -x, mke2fs -d (file system only)", took: took.theirs } }));
}
