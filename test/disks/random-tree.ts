/** Random trees, as the entries of an archive: everything that a file system can hold, and more of it at the edges. */
import * as fc from "fast-check";
import { bootable } from "./layered-image.ts";
import type { SparseInput } from "./sparse-entry.ts";
import type { TarInput } from "./tar-writer.ts";

/** Shown in a few lines when a test fails. */
export interface RandomTree {
  readonly [fc.toStringMethod]: () => string;
  readonly plain: readonly TarInput[];
  readonly sparse: readonly SparseInput[];
}

/** Bytes that differ from block to block, so that none can stand in for another. */
export function content(sizeBytes: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(sizeBytes, `content ${seed} `);
  for (let at = 0; at + 8 <= sizeBytes; at += 4096) bytes.writeUInt32LE((at / 4096) ^ seed, at);
  return bytes;
}

const noSlash = fc.integer({ min: 1, max: 255 }).filter((code) => code !== 0x2f);
const bytesOf = (byte: fc.Arbitrary<number>, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(byte, { minLength, maxLength, size: "max" }).map((codes) => String.fromCharCode(...codes));
const name = fc
  .oneof(
    { weight: 4, arbitrary: fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom("a", "b", "c", ".", "-", "_") }) },
    { weight: 2, arbitrary: bytesOf(noSlash, 1, 20) },
    { weight: 1, arbitrary: bytesOf(noSlash, 250, 255) },
  )
  .filter((text) => text !== "." && text !== ".." && !text.startsWith(".wh.") && text !== "lost+found");

const id = fc.constantFrom(0, 1, 65_535, 65_536, 2_097_152, 4_294_967_294);
const earliest = -(2 ** 31);
/** In April 2310; e2fsck doubts later ones. */
const latest = 3 * 2 ** 32 - 2 ** 31 - 1;
const time = fc.oneof(fc.constantFrom(earliest, -1, 0, 2 ** 31 - 1, 2 ** 31, 2 ** 32, latest), fc.integer({ min: earliest, max: latest }));
const owned = { uid: id, gid: id, mtimeSeconds: time };

/** Of user, group and others; a list's mask is the group's bits. */
const accessList = Buffer.from("0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff", "hex");
const accessListMode = 0o640;
const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");

/** Neither = nor %, which archives write in another way. */
const nameByte = noSlash.filter((code) => code !== 0x3d && code !== 0x25);
const value = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.integer({ min: 41, max: 3000 }).map((length) => Buffer.alloc(length, "value ")),
);
const attributeBytes = (name: string, value: Uint8Array): number => 24 + name.length + value.length;
const mostAttributeBytes = 3900;

const attributesOf = (namespaces: readonly string[]): fc.Arbitrary<Record<string, Buffer>> =>
  fc.array(fc.tuple(fc.constantFrom(...namespaces), bytesOf(nameByte, 1, 30), value), { maxLength: 40, size: "max" }).map((all) => {
    const kept: Record<string, Buffer> = {};
    let bytes = 0;
    for (const [namespace, own, content] of all) {
      bytes += attributeBytes(own, content);
      if (bytes <= mostAttributeBytes) kept[`${namespace}${own}`] = Buffer.from(content);
    }
    return kept;
  });
const anyNamespace = ["trusted.", "security.x"];
const someAttributes = (namespaces: readonly string[]): fc.Arbitrary<Record<string, Buffer>> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: attributesOf(namespaces) });

const mode = fc.integer({ min: 0, max: 0o7777 });
const sizeBytes = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 4095, 4096, 4097, 131_072, 131_073, 524_288, 524_289, 1_048_577) },
);

type Part = Omit<TarInput, "path">;

const file: fc.Arbitrary<Part> = fc
  .record({ ...owned, mode, sizeBytes, seed: fc.nat(), xattrs: someAttributes(["user.", ...anyNamespace]), kind: fc.nat(9) })
  .map(({ sizeBytes, seed, xattrs, kind, mode, ...rest }) => {
    const part = { ...rest, mode, content: content(sizeBytes, seed), xattrs };
    if (kind === 0) return { ...part, mode: accessListMode, xattrs: { "system.posix_acl_access": accessList } };
    return kind === 1 ? { ...part, xattrs: { ...xattrs, "security.capability": capability } } : part;
  });
const directory: fc.Arbitrary<Part> = fc
  .record({ ...owned, mode, xattrs: someAttributes(["user.", ...anyNamespace]), isListed: fc.nat(5) })
  .map(({ xattrs, isListed, ...rest }) => ({
    ...rest,
    type: "directory",
    xattrs: isListed === 0 ? { "system.posix_acl_default": accessList } : xattrs,
  }));
const targetBytes = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(59, 60, 61, 255, 4095));
const symlink: fc.Arbitrary<Part> = fc
  .record({ ...owned, length: targetBytes, xattrs: someAttributes(anyNamespace) })
  .map(({ length, ...rest }) => ({ ...rest, type: "symlink", linkTarget: "t/".repeat(length).slice(0, length) }));
const special: fc.Arbitrary<Part> = fc.record({
  ...owned,
  mode,
  type: fc.constantFrom("character", "block", "fifo"),
  device: fc.tuple(fc.integer({ min: 1, max: 4095 }), fc.integer({ min: 0, max: 2 ** 20 - 1 })),
  xattrs: someAttributes(anyNamespace),
});
const hardlink: fc.Arbitrary<Part> = fc.constant({ type: "hardlink" });

const part = fc.oneof(
  { weight: 6, arbitrary: file },
  { weight: 3, arbitrary: directory },
  { weight: 2, arbitrary: symlink },
  { weight: 2, arbitrary: special },
  { weight: 2, arbitrary: hardlink },
);
const entries = fc.array(fc.record({ part, name, parent: fc.nat(), target: fc.nat() }), { maxLength: 120, size: "max" });
const many = fc.record({ count: fc.constantFrom(0, 0, 100, 3000), length: fc.constantFrom(5, 60, 255) });
const holes = fc.array(
  fc.record({ count: fc.constantFrom(0, 1, 4, 5, 340, 341, 1400), step: fc.constantFrom(4096, 8192, 99_840), tail: fc.nat(10_000) }),
  { maxLength: 3 },
);

const longestPath = 3500;

export const randomTree: fc.Arbitrary<RandomTree> = fc.record({ entries, many, holes }).map(({ entries, many, holes }) => {
  const joined = join(entries);
  const shown = (): string => `${joined.length} entries, ${JSON.stringify({ many, holes })}`;
  return { plain: [...rootEntries, ...joined, ...crowd(many)], sparse: holes.map(sparse), [fc.toStringMethod]: shown };
});

/** All folders have an entry, since those that none describes have another time in each unpacking. */
const rootEntries: readonly TarInput[] = [
  { path: ".", type: "directory", mode: 0o751, mtimeSeconds: 1_500_000_000 },
  ...["usr", "usr/lib", "usr/lib/systemd", "usr/lib/systemd/boot", "usr/lib/systemd/boot/efi", "boot", "many", "holes"].map(
    (path): TarInput => ({ path, type: "directory" }),
  ),
  ...bootable,
];

/** A name that is taken already, or too deep, is left out. */
function join(
  all: readonly { readonly part: Part; readonly name: string; readonly parent: number; readonly target: number }[],
): TarInput[] {
  const folders = [""];
  const files: TarInput[] = [];
  const made: TarInput[] = [];
  const taken = new Set(rootEntries.map(({ path }) => path.split("/")[0]));
  for (const { part, name, parent, target } of all) {
    const path = `${folders[parent % folders.length]}${name}`;
    if (taken.has(path) || path.length > longestPath) continue;
    const linked = files[target % Math.max(1, files.length)];
    if (part.type === "hardlink" && linked === undefined) continue;
    taken.add(path);
    // Its own facts would be the file's from then on.
    const entry: TarInput =
      part.type === "hardlink" ? { ...linked, xattrs: {}, path, type: "hardlink", linkTarget: linked?.path ?? "" } : { ...part, path };
    made.push(entry);
    if (part.type === "directory") folders.push(`${path}/`);
    else if (part.type !== "hardlink") files.push(entry);
  }
  return made;
}

function crowd({ count, length }: { readonly count: number; readonly length: number }): TarInput[] {
  return Array.from({ length: count }, (_, index) => ({
    path: `many/${String(index).padStart(length, "n")}`,
    content: index % 10 === 0 ? content(index, index) : "",
  }));
}

function sparse(
  { count, step, tail }: { readonly count: number; readonly step: number; readonly tail: number },
  index: number,
): SparseInput {
  const pieces = Array.from({ length: count }, (_, piece) => ({ offset: piece * step + 512, content: content(512, piece) }));
  return { path: `holes/${index}`, sizeBytes: count * step + tail + 1024, pieces };
}
