/** A tree as commands for debugfs, which makes files of any owner and kind without rights. Pure. */
import { createHash } from "node:crypto";
import { Failure } from "../failure.ts";
import type { FileBody, FileNode } from "./file-node.ts";
import { readableName } from "./file-tree.ts";

export interface Ext4Script {
  /** One command a line; one character per byte. */
  readonly commands: readonly string[];
  /** To be run one by one afterwards: names and link targets with line breaks, which no script can hold. */
  readonly oddCommands: readonly string[];
  /** To be run at last. */
  readonly lastCommands: readonly string[];
  /** Files that the commands read: extended attributes, by the key that they have in the commands. */
  readonly values: ReadonlyMap<string, Buffer>;
}

export interface Ext4ScriptOptions {
  /** Path of a body, relative to where debugfs runs. */
  readonly bodyPath: (body: FileBody) => string;
  readonly valuePath: (key: string) => string;
}

/** debugfs reads lines into a buffer of 8 KiB. */
const longestLineBytes = 8000;
const latestSeconds = 0x7fffffff;

export function ext4Script(root: FileNode, options: Ext4ScriptOptions): Ext4Script {
  const writer = new ScriptWriter(root, options);
  writer.fill(root, "");
  writer.describeRoot(root);
  return writer.script();
}

/** Quoted as debugfs reads it: a quote within quotes is doubled. */
function quoted(name: string): string {
  return /^[A-Za-z0-9_./+:@%,=-]+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

class ScriptWriter {
  readonly #options: Ext4ScriptOptions;
  readonly #names: ReadonlyMap<FileNode, number>;
  readonly #made = new Map<FileNode, string>();
  readonly #values = new Map<string, Buffer>();
  readonly #commands: string[] = [];
  readonly #odd: string[] = [];
  readonly #last: string[] = [];
  #clock: number | undefined;

  constructor(root: FileNode, options: Ext4ScriptOptions) {
    this.#options = options;
    this.#names = countNames(root);
  }

  script(): Ext4Script {
    return { commands: this.#commands, oddCommands: this.#odd, lastCommands: this.#last, values: this.#values };
  }

  /** Names in the order of their bytes, so that the same tree is the same commands. */
  fill(directory: FileNode, path: string): void {
    const taken = new Set(directory.children.keys());
    for (const [name, { node }] of [...directory.children].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const safe = isOdd(name) ? standIn(taken) : name;
      this.#add(node, safe, `${path}/${safe}`);
      if (safe === name) continue;
      this.#odd.push(asArgument(`ln ${quoted(`${path}/${safe}`)} ${quoted(`${path}/${name}`)}`, name));
      this.#last.push(`unlink ${quoted(`${path}/${safe}`)}`);
    }
  }

  describeRoot(root: FileNode): void {
    this.#describe(this.#commands, root, { self: "<2>", defaultMode: -1 });
    this.#setTimes(this.#commands, "<2>", clampTime(root.mtimeSeconds));
  }

  #add(node: FileNode, name: string, path: string): void {
    // mke2fs has made this one, always as a directory.
    if (path === "/lost+found" && node.kind !== "directory") this.#commands.push("rmdir lost+found");
    const first = this.#made.get(node);
    const late = node.kind === "symlink" && isOdd(node.linkTarget);
    if (first !== undefined) {
      (late ? this.#odd : this.#commands).push(line(`ln ${quoted(first)} ${quoted(path)}`));
      return;
    }
    this.#made.set(node, path);
    const time = clampTime(node.mtimeSeconds);
    if (late) {
      this.#odd.push(asArgument(`symlink ${quoted(path)} ${quoted(node.linkTarget)}`, node.linkTarget));
      this.#describe(this.#last, node, { self: quoted(path), defaultMode: 0o777 });
      this.#setTimes(this.#last, quoted(path), time);
      return;
    }
    this.#setClock(time);
    this.#make(node, name, path);
    const self = quoted(`./${name}`);
    this.#describe(this.#commands, node, { self, defaultMode: node.kind === "symlink" ? 0o777 : -1 });
    if (time === 0) this.#setTimes(this.#commands, self, 0);
    if (node.kind === "directory") this.#fillBelow(node, self, path);
  }

  #make(node: FileNode, name: string, path: string): void {
    const as = quoted(name);
    switch (node.kind) {
      case "directory":
        if (path !== "/lost+found") this.#commands.push(line(`mkdir ${as}`));
        break;
      case "file":
        this.#commands.push(line(`write ${node.body === undefined ? "/dev/null" : this.#options.bodyPath(node.body)} ${as}`));
        break;
      case "symlink":
        this.#commands.push(line(`symlink ${as} ${quoted(node.linkTarget)}`));
        break;
      case "fifo":
        this.#commands.push(line(`mknod ${as} p`));
        break;
      case "character":
      case "block":
        this.#makeDevice(node, as, quoted(`./${name}`));
        break;
    }
  }

  /** debugfs refuses numbers above 16 bits, so these are written as the kernel encodes them. */
  #makeDevice(node: FileNode, as: string, self: string): void {
    const { major, minor } = node.device;
    if (major > 0xfff || minor > 0xfffff) throw unwritable(as, `device numbers ${major} and ${minor}; Linux has 12 and 20 bits for them`);
    const type = node.kind === "character" ? "c" : "b";
    const large = minor > 0xffff;
    this.#commands.push(line(`mknod ${as} ${type} ${large ? 256 : major} ${large ? 0 : minor}`));
    const encoded = (minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12);
    if (large) this.#commands.push(line(`set_inode_field ${self} block[1] ${encoded >>> 0}`));
  }

  #fillBelow(node: FileNode, self: string, path: string): void {
    if (node.children.size === 0) return;
    this.#commands.push(line(`cd ${self}`));
    this.fill(node, path);
    this.#commands.push("cd ..");
  }

  /** Everything that creates an inode stamps it with debugfs's clock, which saves setting four fields of each. */
  #setClock(seconds: number): void {
    // For debugfs 0 means the clock of the computer; what has that time is stamped afterwards.
    const clock = Math.max(seconds, 1);
    if (clock !== this.#clock) this.#commands.push(`set_current_time @${clock}`);
    this.#clock = clock;
  }

  #setTimes(to: string[], self: string, seconds: number): void {
    for (const field of ["mtime", "ctime", "atime", "crtime"]) to.push(line(`set_inode_field ${self} ${field} @${seconds}`));
  }

  #describe(to: string[], node: FileNode, { self, defaultMode }: { readonly self: string; readonly defaultMode: number }): void {
    const set = (field: string, value: string): void => void to.push(line(`set_inode_field ${self} ${field} ${value}`));
    if (node.mode !== defaultMode) set("mode", `0${(typeBits[node.kind] | node.mode).toString(8)}`);
    if (node.uid !== 0) set("uid", String(checkedId(node.uid, self)));
    if (node.gid !== 0) set("gid", String(checkedId(node.gid, self)));
    const names = this.#names.get(node) ?? 1;
    if (names > 1) set("links_count", String(names));
    for (const [name, value] of [...node.xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (isOdd(name)) throw unwritable(self, `an extended attribute "${readableName(name)}" with a line break in its name`);
      const key = createHash("sha256").update(value).digest("hex");
      this.#values.set(key, value);
      to.push(line(`ea_set -f ${this.#options.valuePath(key)} ${self} ${quoted(name)}`));
    }
  }
}

const typeBits: Readonly<Record<FileNode["kind"], number>> = {
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
};

/** How many names each file has; a directory has one. */
function countNames(root: FileNode): Map<FileNode, number> {
  const counts = new Map<FileNode, number>();
  const visit = (directory: FileNode): void => {
    for (const { node } of directory.children.values()) {
      counts.set(node, (counts.get(node) ?? 0) + 1);
      visit(node);
    }
  };
  visit(root);
  return counts;
}

/** Before 1970 and after 2038 there are times that not every version of debugfs can write. */
function clampTime(seconds: number): number {
  return Math.min(Math.max(seconds, 0), latestSeconds);
}

function checkedId(id: number, self: string): number {
  if (!Number.isInteger(id) || id < 0 || id >= 0xffffffff) throw unwritable(self, `owner number ${id}`);
  return id;
}

/** Scripts are read line by line, and a carriage return ends a line too. */
function isOdd(name: string): boolean {
  return /[\r\n]/.test(name);
}

/** A name that no file of the directory has. */
function standIn(taken: Set<string>): string {
  let count = 0;
  while (taken.has(`.bootable-${count}`)) count++;
  taken.add(`.bootable-${count}`);
  return `.bootable-${count}`;
}

function line(command: string): string {
  if (command.length <= longestLineBytes) return command;
  throw unwritable(`${command.slice(0, 60)}...`, "a path or a link target that is too long for debugfs");
}

/** A command as an argument of a program, which is UTF-8 text. */
function asArgument(command: string, name: string): string {
  const bytes = Buffer.from(command, "latin1");
  const text = bytes.toString("utf8");
  if (!Buffer.from(text, "utf8").equals(bytes)) {
    throw unwritable(quoted(name), "a line break in its name together with bytes that are not UTF-8");
  }
  return text;
}

function unwritable(name: string, what: string): Failure {
  return new Failure({
    kind: "input",
    code: "unwritable-entry",
    message: `The image has a file ${readableName(name)} that cannot be written to an ext4 file system by this provider: it has ${what}.`,
    fix: "remove or rename it in the image.",
  });
}
