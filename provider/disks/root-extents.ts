/**
 * The root file system as data: what bytes lie where in an ext4 partition. A function of the tree, the size and the
 * identity alone; no program and no kernel has a hand in it.
 */
import type { DiskExtent, SpooledExtent, StoredBytes } from "../model/disk-extent.ts";
import { formatAttributeBlock, formatInodeAttributes } from "../model/ext4-attributes.ts";
import { formatDirectory } from "../model/ext4-directory.ts";
import { formatExtentTree, longestExtent, treeBlocks, type FileExtent } from "../model/ext4-extents.ts";
import { blockBytes, inodeBytes, type BlockRun, type Ext4Geometry } from "../model/ext4-geometry.ts";
import { deviceMap, fileTypes, mapBytes, storableTime, writeInode, type Ext4Inode } from "../model/ext4-inode.ts";
import { lostAndFoundBlocks, type RootFile, type RootFiles } from "./ext4-files.ts";
import { binInodes } from "./ext4-items.ts";
import { Ext4Usage, formatGroups, formatJournal, formatResizeInode, journalInodeOf, type Identity } from "./ext4-metadata.ts";
import type { FilePlaces, RootPlaces } from "./ext4-places.ts";

/** `at` counts from the start of the partition. In no particular order. */
export function formatRoot({ files, lostAndFound }: RootFiles, places: RootPlaces, identity: Identity): DiskExtent[] {
  const { geometry } = places;
  const usage = new Ext4Usage(geometry);
  const tables = new InodeTables(geometry);
  const extents: DiskExtent[] = [];
  for (const file of files) {
    const own = places.of.get(file) ?? { inode: 0, data: [], metadata: [] };
    const written = formatFile(file, own, { of: places.of, usage, leastBlocks: file === lostAndFound ? lostAndFoundBlocks : 1 });
    addAll(extents, written.extents);
    tables.write(written.inode);
    usage.takeInode(own.inode, file.node.kind === "directory");
  }
  const resize = formatResizeInode(geometry, identity.epochSeconds);
  tables.write(resize.inode);
  tables.write(journalInodeOf(geometry, identity.epochSeconds));
  return [...formatGroups(geometry, usage, identity), formatJournal(geometry), ...resize.extents, ...tables.extents(), ...extents];
}

interface Surroundings {
  readonly of: RootPlaces["of"];
  readonly usage: Ext4Usage;
  /** Of a directory. */
  readonly leastBlocks: number;
}

interface Written {
  readonly inode: Ext4Inode;
  readonly extents: readonly DiskExtent[];
}

function formatFile(file: RootFile, own: FilePlaces, { of, usage, leastBlocks }: Surroundings): Written {
  const { node } = file;
  own.data.forEach((run) => usage.takeBlocks(run));
  const mapped = fileExtents(file.data, own.data);
  const treeAt = own.metadata.slice(0, treeBlocks(mapped.length));
  const attributesAt = file.attributes.inBlock.length > 0 ? (own.metadata[treeAt.length] ?? 0) : 0;
  for (const block of [...treeAt, ...(attributesAt === 0 ? [] : [attributesAt])]) usage.takeBlocks({ start: block, count: 1 });
  const tree = formatExtentTree(own.inode, mapped, treeAt);
  const extents: DiskExtent[] = tree.blocks.map(({ block, bytes }) => ({ at: block * blockBytes, bytes }));
  if (attributesAt !== 0)
    extents.push({ at: attributesAt * blockBytes, bytes: formatAttributeBlock(file.attributes.inBlock, attributesAt) });
  const { sizeBytes, bytes } = contentOf(file, own.inode, { of, leastBlocks });
  if (bytes !== undefined) addAll(extents, memoryExtents(bytes, mapped));
  else if (node.body !== undefined) addAll(extents, spooledExtents(node.body, mapped));
  const attributes = formatInodeAttributes(file.attributes.inInode);
  return {
    extents,
    inode: {
      number: own.inode,
      mode: fileTypes[node.kind].mode | node.mode,
      uid: node.uid,
      gid: node.gid,
      links: file.links,
      sizeBytes,
      blocks: file.dataBlocks + treeAt.length + (attributesAt === 0 ? 0 : 1),
      timeSeconds: storableTime(node.mtimeSeconds),
      ...mapOf(file, tree.map),
      attributeBlock: attributesAt,
      ...(attributes === undefined ? {} : { attributes }),
    },
  };
}

/** A file with many holes has more extents than a call takes arguments. */
function addAll(extents: DiskExtent[], more: readonly DiskExtent[]): void {
  for (const extent of more) extents.push(extent);
}

/** Joins the blocks that hold data with the blocks where they lie. */
function fileExtents(data: RootFile["data"], runs: readonly BlockRun[]): FileExtent[] {
  const extents: FileExtent[] = [];
  let run = 0;
  let used = 0;
  for (const { logical, count } of data) {
    for (let done = 0; done < count;) {
      const { start, count: length } = runs[run] ?? { start: 0, count: Infinity };
      const here = Math.min(count - done, length - used, longestExtent);
      extents.push({ logical: logical + done, start: start + used, count: here });
      done += here;
      used += here;
      if (used === length) {
        run++;
        used = 0;
      }
    }
  }
  return extents;
}

/** What is known without the spool. */
function contentOf(
  file: RootFile,
  inode: number,
  { of, leastBlocks }: Pick<Surroundings, "of" | "leastBlocks">,
): { readonly sizeBytes: number; readonly bytes?: Buffer } {
  const { kind, linkTarget, body } = file.node;
  if (kind === "symlink") return { sizeBytes: linkTarget.length, bytes: Buffer.from(linkTarget, "latin1") };
  if (kind !== "directory") return { sizeBytes: body?.sizeBytes ?? 0 };
  const bytes = formatDirectory(inode, entriesOf(file, inode, of), leastBlocks);
  return { sizeBytes: bytes.length, bytes };
}

function* entriesOf(file: RootFile, inode: number, of: RootPlaces["of"]): Generator<{ name: string; inode: number; type: number }> {
  const parent = file.parent === undefined ? inode : (of.get(file.parent)?.inode ?? inode);
  yield { name: ".", inode, type: fileTypes.directory.entry };
  yield { name: "..", inode: parent, type: fileTypes.directory.entry };
  for (const child of file.children) {
    yield { name: child.name, inode: of.get(child.file)?.inode ?? 0, type: fileTypes[child.file.node.kind].entry };
  }
}

/** Short links and devices use the room of the extent tree. */
function mapOf({ node, dataBlocks }: RootFile, tree: Uint8Array): Pick<Ext4Inode, "map" | "mapHasExtents"> {
  if (node.kind === "character" || node.kind === "block") return { map: deviceMap(node.device), mapHasExtents: false };
  if (node.kind === "fifo") return { map: new Uint8Array(mapBytes), mapHasExtents: false };
  if (node.kind === "symlink" && dataBlocks === 0) return { map: Buffer.from(node.linkTarget, "latin1"), mapHasExtents: false };
  return { map: tree, mapHasExtents: true };
}

function memoryExtents(bytes: Buffer, mapped: readonly FileExtent[]): DiskExtent[] {
  return mapped.map(({ logical, start, count }) => ({
    at: start * blockBytes,
    bytes: bytes.subarray(logical * blockBytes, (logical + count) * blockBytes),
  }));
}

/** Both are in the order of the file's bytes. */
function spooledExtents({ pieces }: StoredBytes, mapped: readonly FileExtent[]): SpooledExtent[] {
  const extents: SpooledExtent[] = [];
  let index = 0;
  for (const { offset, length, from } of pieces) {
    for (let done = 0; done < length;) {
      const extent = mapped[index];
      if (extent === undefined) return extents;
      const inExtent = offset + done - extent.logical * blockBytes;
      const left = extent.count * blockBytes - inExtent;
      if (left <= 0) index++;
      else {
        const here = Math.min(length - done, left);
        extents.push({ at: extent.start * blockBytes + inExtent, length: here, from: from + done });
        done += here;
      }
    }
  }
  return extents;
}

/** Inode tables in pieces; those without an inode stay zero and are never written. */
class InodeTables {
  readonly #geometry: Ext4Geometry;
  readonly #pieces = new Map<number, Buffer>();

  constructor(geometry: Ext4Geometry) {
    this.#geometry = geometry;
  }

  write(inode: Ext4Inode): void {
    const index = inode.number - 1;
    const piece = Math.floor(index / binInodes);
    const bytes = this.#pieces.get(piece) ?? Buffer.alloc(binInodes * inodeBytes);
    this.#pieces.set(piece, bytes);
    const at = (index % binInodes) * inodeBytes;
    writeInode(bytes.subarray(at, at + inodeBytes), inode);
  }

  /** Tables hold whole pieces. */
  extents(): DiskExtent[] {
    const { inodesPerGroup, inodeTables } = this.#geometry;
    return [...this.#pieces].map(([piece, bytes]) => {
      const index = piece * binInodes;
      const table = inodeTables[Math.floor(index / inodesPerGroup)] ?? 0;
      return { at: table * blockBytes + (index % inodesPerGroup) * inodeBytes, bytes };
    });
  }
}
