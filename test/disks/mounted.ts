/** What the kernel sees in the root file system of a disk. */
import { createHash } from "node:crypto";
import { lstat, mkdir, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { output, scratchFolder } from "./scratch.ts";

export interface PartitionPlace {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly uuid: string;
  readonly type: string;
}

/** As sfdisk reads the table. */
export async function partitions(disk: string): Promise<PartitionPlace[]> {
  const table = JSON.parse(await output("sfdisk", ["--json", disk])) as {
    partitiontable: { partitions: { start: number; size: number; uuid: string; type: string }[] };
  };
  return table.partitiontable.partitions.map(({ start, size, uuid, type }) => ({
    offsetBytes: start * 512,
    sizeBytes: size * 512,
    uuid: uuid.toLowerCase(),
    type: type.toLowerCase(),
  }));
}

/** So that the kernel changes nothing, not even to mend it. */
const untouched = { ext4: "noload", xfs: "norecovery,nouuid", btrfs: "rescue=nologreplay" } as const;

/** Mounts the last partition read-only (needs rights), for as long as `look` takes. */
export async function withRootMounted<T>(
  disk: string,
  look: (directory: string) => Promise<T>,
  filesystem: keyof typeof untouched = "ext4",
): Promise<T> {
  const root = (await partitions(disk)).at(-1);
  const point = join(await scratchFolder(), "root");
  await mkdir(point);
  const where = `loop,ro,${untouched[filesystem]},offset=${root?.offsetBytes},sizelimit=${root?.sizeBytes}`;
  await output("mount", ["-t", filesystem, "-o", where, disk, point]);
  try {
    return await look(point);
  } finally {
    await output("umount", [point]);
  }
}

/** One line for each path: kind and mode, owner, links, time, and content, target or device. `lost+found` is left out. */
export async function describeFiles(directory: string): Promise<Record<string, string>> {
  const described: Record<string, string> = {};
  const attributes = await readAttributes(directory);
  const visit = async (path: Buffer): Promise<void> => {
    const full = Buffer.concat([Buffer.from(directory), path]);
    const facts = await lstat(full);
    const shown = path.toString("latin1").replaceAll("\r", "\\r").replaceAll("\n", "\\n") || "/";
    const links = facts.isDirectory() ? "" : ` x${facts.nlink}`;
    const owner = `${facts.mode.toString(8)} ${facts.uid}:${facts.gid}${links} @${facts.mtimeMs / 1000}`;
    described[shown] = [owner, await contentOf(full, facts), attributes.get(path.toString("latin1"))].filter(Boolean).join(" ");
    if (!facts.isDirectory()) return;
    for (const name of await readdir(full, { encoding: "buffer" })) {
      const child = Buffer.concat([path, Buffer.from("/"), name]);
      if (child.toString() !== "/lost+found") await visit(child);
    }
  };
  await visit(Buffer.alloc(0));
  return described;
}

async function contentOf(path: Buffer, facts: Awaited<ReturnType<typeof lstat>>): Promise<string> {
  if (facts.isSymbolicLink()) return `-> ${(await readlink(path, { encoding: "buffer" })).toString("latin1")}`;
  if (facts.isCharacterDevice() || facts.isBlockDevice()) return `device ${Number(facts.rdev)}`;
  if (!facts.isFile()) return "";
  return shownContent(await readFile(path));
}

/** Small contents as they are, others by their hash. */
export function shownContent(bytes: Buffer): string {
  return bytes.length <= 40
    ? JSON.stringify(bytes.toString("latin1"))
    : `${bytes.length} bytes ${createHash("sha256").update(bytes).digest("hex")}`;
}

/** By path, as getfattr tells them; it escapes odd bytes of names with octal digits. */
async function readAttributes(directory: string): Promise<Map<string, string>> {
  const text = await output("getfattr", ["--absolute-names", "-R", "-P", "-h", "-d", "-m", "-", "-e", "hex", directory], [0, 1]);
  const found = new Map<string, string>();
  for (const paragraph of text.split("\n\n")) {
    const [first, ...values] = paragraph.split("\n").filter((line) => line !== "");
    const shown = first === undefined ? undefined : Buffer.from(first.replace("# file: ", "")).toString("latin1");
    const name = shown?.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
    if (name !== undefined) found.set(name.slice(directory.length), values.map(shortened).sort().join(" "));
  }
  return found;
}

function shortened(attribute: string): string {
  return attribute.replace(/0x[0-9a-f]{200,}/, (hex) => shownContent(Buffer.from(hex.slice(2), "hex")));
}
