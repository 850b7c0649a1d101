/** Writes tar archives byte by byte: tests need binary attributes, odd names and headers that libraries refuse to write. */

export interface TarInput {
  readonly path: string;
  readonly type?: "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";
  readonly content?: Buffer | string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeSeconds?: number;
  readonly linkTarget?: string;
  readonly device?: readonly [number, number];
  readonly xattrs?: Readonly<Record<string, Buffer>>;
}

const largestOctalId = 0o7777777;
const largestOctalTime = 0o77777777777;
const flags = { file: "0", hardlink: "1", symlink: "2", character: "3", block: "4", directory: "5", fifo: "6" } as const;

/** Names and link targets are byte strings, as the reader gives them. */
export function tar(inputs: readonly TarInput[]): Buffer {
  return Buffer.concat([...inputs.map(entry), Buffer.alloc(1024)]);
}

/** Whatever does not fit into the old header goes into an extended one. */
function entry(input: TarInput): Buffer {
  const type = input.type ?? "file";
  const content = type === "file" ? Buffer.from(input.content ?? "") : Buffer.alloc(0);
  const path = type === "directory" ? `${input.path}/` : input.path;
  const pax = extensions(input, path);
  const extended = Object.keys(pax).length === 0 ? [] : [paxHeader(pax)];
  const main = header({ ...input, path: path.slice(0, 100) }, flags[type], content.length);
  return Buffer.concat([...extended, main, padded(content)]);
}

function extensions(input: TarInput, path: string): Record<string, Buffer> {
  const { linkTarget = "", uid = 0, gid = 0, mtimeSeconds = 0, xattrs = {} } = input;
  return {
    ...(path.length > 100 ? { path: Buffer.from(path, "latin1") } : {}),
    ...(linkTarget.length > 100 ? { linkpath: Buffer.from(linkTarget, "latin1") } : {}),
    ...(uid > largestOctalId ? { uid: Buffer.from(String(uid)) } : {}),
    ...(gid > largestOctalId ? { gid: Buffer.from(String(gid)) } : {}),
    ...(mtimeSeconds < 0 || mtimeSeconds > largestOctalTime ? { mtime: Buffer.from(String(mtimeSeconds)) } : {}),
    ...Object.fromEntries(Object.entries(xattrs).map(([name, value]) => [`SCHILY.xattr.${name}`, value])),
  };
}

export function paxHeader(values: Readonly<Record<string, Buffer>>, flag = "x"): Buffer {
  const records = Buffer.concat(Object.entries(values).map(([key, value]) => record(key, value)));
  return Buffer.concat([header({ path: "PaxHeader" }, flag, records.length), padded(records)]);
}

function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

export function header(input: TarInput, flag: string, size: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number): void =>
    void block.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
  const fits = (id = 0): number => (id > largestOctalId ? 0 : id);
  block.write(input.path, 0, 100, "latin1");
  octal(input.mode ?? (input.type === "directory" ? 0o755 : 0o644), 100, 8);
  octal(fits(input.uid), 108, 8);
  octal(fits(input.gid), 116, 8);
  octal(size, 124, 12);
  octal(Math.min(largestOctalTime, Math.max(0, input.mtimeSeconds ?? 1_600_000_000)), 136, 12);
  block.write(flag, 156, "latin1");
  block.write((input.linkTarget ?? "").slice(0, 100), 157, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  octal(input.device?.[0] ?? 0, 329, 8);
  octal(input.device?.[1] ?? 0, 337, 8);
  return withChecksum(block);
}

export function withChecksum(block: Buffer): Buffer {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

export function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}
