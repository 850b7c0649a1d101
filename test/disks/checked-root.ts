/** The root file system of a disk of the direct engine: judged by e2fsck, taken out into a file of its own, and compared. */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { layer, layeredImage, requestFor } from "./layered-image.ts";
import { partitions, withRootMounted } from "./mounted.ts";
import { disksIn, output, scratchFolder } from "./scratch.ts";
import { difference, listTree } from "./tree-listing.ts";

const run = promisify(execFile);

/** All that a program says, with times as in UTC. */
export async function told(program: string, ...args: readonly string[]): Promise<string> {
  const env = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`, LC_ALL: "C", TZ: "UTC" };
  return (await run(program, args, { env, maxBuffer: 2 ** 26 })).stdout;
}

/** Path of a disk whose only layer is the archive. */
export async function diskOf(archive: Buffer, sizeBytes?: number): Promise<string> {
  const image = layeredImage([layer(archive, "application/vnd.oci.image.layer.v1.tar")]);
  const options = sizeBytes === undefined ? {} : { sizeBytes };
  return (await disksIn(await scratchFolder(), image.images).make(requestFor(image, options))).path;
}

/** The root partition as a file of its own. */
export async function rootOf(disk: string): Promise<string> {
  const root = (await partitions(disk)).at(-1);
  const path = join(await scratchFolder(), "root.ext4");
  const [skip, count] = [root?.offsetBytes ?? 0, root?.sizeBytes ?? 0].map((bytes) => bytes / 1024 ** 2);
  await output("dd", [`if=${disk}`, `of=${path}`, "bs=1M", `skip=${skip}`, `count=${count}`, "conv=sparse", "status=none"]);
  await output("truncate", ["--size", String(root?.sizeBytes), path]);
  return path;
}

/** e2fsck ends well and says nothing but its five passes and its sum. */
export async function expectClean(fileSystem: string, ...options: readonly string[]): Promise<void> {
  const said = (await output("e2fsck", ["-fn", ...options, fileSystem])).split("\n").filter((line) => line !== "");
  expect(said.slice(0, -1)).toEqual([
    "Pass 1: Checking inodes, blocks, and sizes",
    "Pass 2: Checking directory structure",
    "Pass 3: Checking directory connectivity",
    "Pass 4: Checking reference counts",
    "Pass 5: Checking group summary information",
  ]);
  expect(said.at(-1)).toMatch(/: \d+\/\d+ files \([\d.]+% non-contiguous\), \d+\/\d+ blocks$/);
}

/**
 * What GNU tar makes of the archive, with all rights. Where the archive is not in the order of a walk, folders get their times
 * at the end; very many folders then take it minutes.
 */
export async function unpackedByTar(archive: Buffer, order: "any" | "walk" = "any"): Promise<string> {
  const folder = await scratchFolder();
  await writeFile(join(folder, "archive.tar"), archive);
  await mkdir(join(folder, "tree"));
  const what = [
    "--numeric-owner",
    "--warning=no-timestamp",
    ...(order === "any" ? ["--delay-directory-restore"] : []),
    "--xattrs",
    "--xattrs-include=*",
    "-P",
    "-p",
    "-x",
    "-f",
    join(folder, "archive.tar"),
  ];
  await output("tar", ["-C", join(folder, "tree"), ...what]);
  return join(folder, "tree");
}

/** The kernel finds on the disk what is in the folder; e2fsck finds nothing. */
export async function expectSameAs(tree: string, disk: string): Promise<void> {
  const root = (await partitions(disk)).at(-1);
  await expectClean(`${disk}?offset=${root?.offsetBytes}`);
  const expected = await listTree(tree);
  expect(difference(expected, await withRootMounted(disk, listTree))).toBeUndefined();
  expect(expected.length).toBeGreaterThan(0);
}
