/** Extended attributes of ext4: in the inode where they fit, else in a block of their own. Source: fs/ext4/xattr.h, xattr.c, acl.h. */
import { crc32c } from "./crc32c.ts";
import { blockBytes, inodeBytes } from "./ext4-geometry.ts";
import { attributesAt } from "./ext4-inode.ts";
import { checksumSeed } from "./ext4-superblock.ts";

const magic = 0xea020000;
const blockHeaderBytes = 32;
const endBytes = 4;
const inodeRoom = inodeBytes - attributesAt - 4 - endBytes;
const blockRoom = blockBytes - blockHeaderBytes - endBytes;

/** Access lists have numbers of their own, and no name beside it. */
const accessLists: Readonly<Record<string, number>> = { "system.posix_acl_access": 2, "system.posix_acl_default": 3 };
const prefixes: readonly (readonly [string, number])[] = [
  ["security.", 6],
  ["trusted.", 4],
  ["system.", 7],
  ["user.", 1],
];

interface Attribute {
  readonly index: number;
  /** Without its prefix. */
  readonly name: string;
  readonly value: Uint8Array;
}

export interface AttributePlan {
  readonly inInode: readonly Attribute[];
  readonly inBlock: readonly Attribute[];
}

/** Undefined when they take more than a block. The order is that of names, and the inode is filled first. */
export function planAttributes(xattrs: ReadonlyMap<string, Uint8Array>): AttributePlan | undefined {
  const inInode: Attribute[] = [];
  const inBlock: Attribute[] = [];
  let inodeLeft = inodeRoom;
  let blockLeft = blockRoom;
  for (const attribute of [...xattrs].map(attributeOf).sort(byName)) {
    const bytes = sizeOf(attribute);
    if (bytes <= inodeLeft) {
      inodeLeft -= bytes;
      inInode.push(attribute);
    } else {
      blockLeft -= bytes;
      inBlock.push(attribute);
    }
  }
  return blockLeft < 0 ? undefined : { inInode, inBlock };
}

/** The last part of an inode. */
export function formatInodeAttributes(attributes: readonly Attribute[]): Uint8Array | undefined {
  if (attributes.length === 0) return undefined;
  const bytes = Buffer.alloc(inodeBytes - attributesAt);
  bytes.writeUInt32LE(magic, 0);
  writeEntries(bytes, attributes, { first: 4, base: 4 });
  return bytes;
}

/** A block that one inode refers to. */
export function formatAttributeBlock(attributes: readonly Attribute[], block: number): Buffer {
  const bytes = Buffer.alloc(blockBytes);
  for (const [at, value] of [magic, 1, 1].entries()) bytes.writeUInt32LE(value, at * 4);
  const hashes = writeEntries(bytes, attributes, { first: blockHeaderBytes, base: 0 });
  const whole = hashes.reduce((hash, one) => rotated(hash, 16) ^ one, 0);
  bytes.writeUInt32LE(hashes.includes(0) ? 0 : whole >>> 0, 12);
  const place = Buffer.alloc(8);
  place.writeBigUInt64LE(BigInt(block));
  bytes.writeUInt32LE(crc32c(crc32c(checksumSeed, place), bytes), 16);
  return bytes;
}

function attributeOf([key, value]: readonly [string, Uint8Array]): Attribute {
  const list = accessLists[key];
  if (list !== undefined) return { index: list, name: "", value: accessList(value) };
  const [prefix, index] = prefixes.find(([prefix]) => key.startsWith(prefix)) ?? ["", 0];
  return { index, name: key.slice(prefix.length), value };
}

/** ext4 keeps lists in version 1, without the field that only named users and groups need; everybody else speaks version 2. */
function accessList(value: Uint8Array): Uint8Array {
  const list = Buffer.from(value);
  if (list.length < 4 || list.readUInt32LE(0) !== 2) return value;
  const parts: Buffer[] = [Buffer.from([1, 0, 0, 0])];
  for (let at = 4; at + 8 <= list.length; at += 8) {
    const tag = list.readUInt16LE(at);
    parts.push(list.subarray(at, at + (tag === 0x02 || tag === 0x08 ? 8 : 4)));
  }
  return Buffer.concat(parts);
}

/** The order that the kernel searches a block in. */
function byName(a: Attribute, b: Attribute): number {
  return a.index - b.index || a.name.length - b.name.length || (a.name < b.name ? -1 : 1);
}

function sizeOf({ name, value }: Attribute): number {
  return 16 + padded(name.length) + padded(value.length);
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}

/** Entries from `first` on, values from the end; offsets count from `base`. Answers the entries' hashes. */
function writeEntries(
  bytes: Buffer,
  attributes: readonly Attribute[],
  { first, base }: { readonly first: number; readonly base: number },
): number[] {
  let at = first;
  let end = bytes.length;
  return attributes.map(({ index, name, value }) => {
    end -= padded(value.length);
    const hash = entryHash(name, value);
    bytes.writeUInt8(name.length, at);
    bytes.writeUInt8(index, at + 1);
    bytes.writeUInt16LE(value.length === 0 ? 0 : end - base, at + 2);
    bytes.writeUInt32LE(value.length, at + 8);
    bytes.writeUInt32LE(hash, at + 12);
    bytes.write(name, at + 16, "latin1");
    bytes.set(value, end);
    at += 16 + padded(name.length);
    return hash;
  });
}

function entryHash(name: string, value: Uint8Array): number {
  let hash = 0;
  for (let at = 0; at < name.length; at++) hash = rotated(hash, 5) ^ name.charCodeAt(at);
  const words = Buffer.alloc(padded(value.length));
  words.set(value);
  for (let at = 0; at < words.length; at += 4) hash = rotated(hash, 16) ^ words.readUInt32LE(at);
  return hash >>> 0;
}

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
