/**
 * Fills a file system, which it mounts, with a tree. Runs in a process of its own (fill-root.ts), where it keeps nobody
 * waiting. Paths go through open directories: names are bytes, and no path is too long.
 */
import * as fs from "node:fs";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { deserialize } from "node:v8";
import { Failure, retell } from "../failure.ts";
import { filesystemNames, fillingFiles, type FileAttributes, type RootFilling } from "../model/mounted-root.ts";
import type { FileNode } from "./file-node.ts";
import { readableName } from "./file-tree.ts";
import { bodyCopier, describeOpen, makePlain, type BodyCopier } from "./mkfs-root-files.ts";
import { attributeBatches, stagedFiles, type StagedFile } from "./mkfs-root-staged.ts";
import type { FillerPrograms } from "./programs.ts";

export interface Filling extends RootFilling {
  readonly programs: FillerPrograms;
}

/** On success the file system is whole and unmounted; on failure nothing of it counts. */
export async function fillRoot(filling: Filling): Promise<void> {
  const { directory, filesystem, programs, signal, onDone } = filling;
  const place = join(directory, fillingFiles.mountPoint);
  await programs.mount({ filesystem, file: join(directory, fillingFiles.image), directory: place }, signal).catch((error: unknown) => {
    throw notMounted(error, filling);
  });
  const spool = fs.openSync(join(directory, fillingFiles.spool), "r");
  const root = deserialize(fs.readFileSync(join(directory, fillingFiles.tree))) as FileNode;
  const writer = new TreeWriter(filling, place, bodyCopier(spool, onDone));
  await writer.write(root);
  await programs.unmount(place, signal);
}

function notMounted(error: unknown, { filesystem }: Filling): unknown {
  if (!(error instanceof Failure) || error.code === "not-found") return error;
  const name = filesystemNames[filesystem];
  return retell(error, {
    message: `This computer's kernel did not mount the ${name} file system that was made for the disk.`,
    fix: `run "modprobe ${filesystem}" as root, or set disk.filesystem to ext4, which needs no kernel.`,
  });
}

/** setfattr names the files as it was given them. */
function unheldAttributes(cause: Failure, filesystem: Filling["filesystem"], paths: ReadonlyMap<string, string>): Failure {
  const shown = (name: string): string => JSON.stringify(readableName(paths.get(name) ?? name));
  const lines = cause.detail?.split("\n").map((line) => line.replace(/^setfattr: ([^:]+):/, (_, name: string) => `${shown(name)}:`));
  return new Failure({
    kind: "input",
    code: "cannot-hold",
    message: `The image has extended attributes that ${filesystemNames[filesystem]} did not take. Nothing was written.`,
    ...(lines === undefined ? {} : { detail: lines.join("\n") }),
    fix: "shorten or remove them in the Containerfile, or set disk.filesystem to ext4.",
    cause,
  });
}

/** Less than this left is what programs mean when they find no room. */
const fullBytes = 4 * 1024 ** 2;

class TreeWriter {
  readonly #filling: Filling;
  readonly #place: string;
  readonly #bodies: BodyCopier;
  readonly #staging: string;
  #staged: ReadonlyMap<FileNode, StagedFile> = new Map();
  /** Names from the root to where the work is. */
  #trail: string[] = [];

  constructor(filling: Filling, place: string, bodies: BodyCopier) {
    this.#filling = filling;
    this.#place = place;
    this.#bodies = bodies;
    this.#staging = join(place, `.bootable-${randomUUID()}`);
  }

  async write(root: FileNode): Promise<void> {
    try {
      fs.mkdirSync(this.#staging, 0o700);
      this.#staged = stagedFiles(root);
      for (const staged of this.#staged.values()) await this.#stage(staged);
      const paths = new Map([...this.#staged.values()].map(({ name, path }) => [name, path]));
      for (const batch of attributeBatches(this.#staged.values())) await this.#setAttributes(this.#staging, batch, paths);
      this.#trail = [];
      const open = fs.openSync(this.#place, fs.constants.O_RDONLY);
      await this.#fillDirectory(open, root);
      fs.rmSync(this.#staging, { recursive: true });
      await this.#describeDirectory(open, root);
      fs.closeSync(open);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  async #stage({ node, path, name }: StagedFile): Promise<void> {
    this.#trail = [path];
    const at = join(this.#staging, name);
    const { kind, device } = node;
    if (kind === "character" || kind === "block" || kind === "fifo") {
      await this.#filling.programs.makeSpecial({ path: at, kind, device }, this.#filling.signal);
    }
    makePlain(Buffer.from(at), node, this.#bodies);
  }

  async #fillDirectory(open: number, directory: FileNode): Promise<void> {
    for (const [name, { node }] of directory.children) {
      this.#trail.push(name);
      const at = Buffer.concat([Buffer.from(`/proc/self/fd/${open}/`), Buffer.from(name, "latin1")]);
      const staged = this.#staged.get(node);
      if (staged !== undefined) fs.linkSync(join(this.#staging, staged.name), at);
      else if (node.kind === "directory") await this.#makeDirectory(at, node);
      else makePlain(at, node, this.#bodies);
      this.#trail.pop();
    }
  }

  async #makeDirectory(at: Buffer, node: FileNode): Promise<void> {
    fs.mkdirSync(at, 0o700);
    const open = fs.openSync(at, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW);
    await this.#fillDirectory(open, node);
    await this.#describeDirectory(open, node);
    fs.closeSync(open);
  }

  /** Comes last: a default access list would be inherited, and a new name changes the time. */
  async #describeDirectory(open: number, node: FileNode): Promise<void> {
    describeOpen(open, node);
    if (node.xattrs.size > 0) await this.#setAttributes(`/proc/${process.pid}/fd/${open}`, [{ name: ".", attributes: node.xattrs }]);
  }

  async #setAttributes(directory: string, files: readonly FileAttributes[], paths?: ReadonlyMap<string, string>): Promise<void> {
    const { programs, signal, filesystem } = this.#filling;
    await programs.setAttributes(directory, files, signal).catch((error: unknown) => {
      if (!(error instanceof Failure) || error.code !== "exit") throw error;
      // What no leaf of btrfs has room for is told by the same number as a file system without room.
      const { bavail, bsize } = fs.statfsSync(this.#place);
      if (bavail * bsize < fullBytes) throw this.#full(error);
      throw unheldAttributes(error, filesystem, paths ?? new Map([[".", this.#trail.join("/")]]));
    });
  }

  #full(cause: unknown): Failure {
    const message = `The ${filesystemNames[this.#filling.filesystem]} file system is full.`;
    return new Failure({ kind: "input", code: "full", message, cause });
  }

  #explained(error: unknown): unknown {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (error instanceof Failure || code === undefined || syscall === undefined) return error;
    const name = filesystemNames[this.#filling.filesystem];
    if (code === "ENOSPC") return this.#full(error);
    return new Failure({
      kind: "input",
      code: "cannot-hold",
      message: `The image has a file "${readableName(this.#trail.join("/"))}" that ${name} cannot hold: ${code} on ${syscall}. Nothing was written.`,
      fix: "leave it out in the Containerfile, or set disk.filesystem to ext4.",
      cause: error,
    });
  }
}
