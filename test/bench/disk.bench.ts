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

const folder = await mkdtemp(join(tmpdir(), "bootable-bench-"));
try {
  await measure();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measure(): Promise<void> {
  const { store, request } = await storedBase();
  const disksIn = (name: string): Disks =>
    disks({ images: store, programs, cacheDirectory: join(folder, name), cacheSizeBytes: () => 1024 ** 4 });
  const { layers } = await store.open(request.image, platform, { signal, onProgress });
  const blobs = layers.map(({ digest }) => join(folder, "store", "blobs", ...digest.split(":")));
  const disk = await disksIn("kept").make(request);
  await measureMaking(() => disksIn("fresh").make(request), { blobs, sizeBytes: disk.sizeBytes });
  const contestants = { qcow2: "qcow2", vmdk: "vmdk", vhd: "vpc" } as const;
  for (const [format, theirs] of Object.entries(contestants)) {
    const to = join(folder, "converted");
    const args = [...convertArgs(theirs), disk.path, to];
    await measureExport(format as DiskFormat, { name: "qemu-img convert", convert: () => run("qemu-img", args), result: to });
  }
  const archive = join(folder, "disk.tar.gz");
  const args = [
    "--create",
    "--format=oldgnu",
    "--sparse",
    "--gzip",
    "--file",
    archive,
    "--directory",
    dirname(disk.path),
    basename(disk.path),
  ];
  await measureExport("gce", { name: "tar --sparse --gzip", convert: () => run("tar", args), result: archive });

  async function measureExport(format: DiskFormat, other: Converter): Promise<void> {
    const directory = join(folder, "exported");
    const ours = async (): Promise<number> => {
      await rm(directory, { recursive: true, force: true });
      return secondsOf(() => disksIn("kept").export({ ...request, format, directory, baseName: "base" }));
    };
    const theirs = async (): Promise<number> => {
      await rm(other.result, { force: true });
      return secondsOf(other.convert);
    };
    const took = await inTurns(turns, { ours, theirs });
    const what = `export that disk as ${format}, and read its digest`;
    console.log(formatRow({ what, ours: took.ours, other: { name: other.name, took: took.theirs } }));
  }
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

async function storedBase(): Promise<{ readonly store: ReturnType<typeof images>; readonly request: DiskRequest }> {
  const layoutDirectory = join(folder, "layout");
  await writeLayout(given("BOOTABLE_BASE_TAR"), layoutDirectory);
  const store = images({ storeDirectory: join(folder, "store"), runProgram });
  const repository = { registry: "local", repository: "bench/base" };
  const { digest } = await store.publish({ layoutDirectory, repository, tags: ["base"], signal, onProgress });
  const options = { filesystem: "ext4", kernelArguments: [], engine: "direct", platform, rootSshAuthorizedKeys: [] } as const;
  return { store, request: { image: { ...repository, digest }, options, signal, onProgress } };
}

/** They get a file system of the same size, without partition table, boot loader and digests. */
async function measureMaking(
  make: () => Promise<unknown>,
  { blobs, sizeBytes }: { readonly blobs: readonly string[]; readonly sizeBytes: number },
): Promise<void> {
  const root = join(folder, "root");
  const fileSystem = join(folder, "root.ext4");
  const ours = async (): Promise<number> => {
    await rm(join(folder, "fresh"), { recursive: true, force: true });
    return secondsOf(make);
  };
  const theirs = async (): Promise<number> => {
    await rm(root, { recursive: true, force: true });
    await rm(fileSystem, { force: true });
    await mkdir(root);
    return secondsOf(async () => {
      for (const blob of blobs)
        await run("tar", ["--extract", "--gzip", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C", root, "-f", blob]);
      await run("mke2fs", ["-q", "-t", "ext4", "-d", root, fileSystem, `${Math.floor(sizeBytes / 1024)}k`]);
    });
  };
  const took = await inTurns(turns, { ours, theirs });
  const what = "raw disk of the guests' base image, bootable and with its digest";
  console.log(formatRow({ what, ours: took.ours, other: { name: "tar -x, mke2fs -d (file system only)", took: took.theirs } }));
}
