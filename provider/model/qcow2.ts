/**
 * qcow2 files, version 3: what stands before the clusters of data. All tables have their full size from the start, so that
 * clusters can be appended as they come. Source: QEMU's docs/interop/qcow2.rst.
 */

export const clusterBytes = 64 * 1024;
const entryBytes = 8;
const entriesPerTable = clusterBytes / entryBytes;
const countsPerBlock = clusterBytes / 2;
/** Nothing else refers to the cluster. */
const sole = 1n << 63n;

export interface Qcow2Layout {
  readonly diskBytes: number;
  /** Each in clusters: where it starts, and how many it has. */
  readonly referenceTable: { readonly start: number; readonly count: number };
  readonly referenceBlocks: { readonly start: number; readonly count: number };
  readonly firstTable: { readonly start: number; readonly count: number };
  readonly secondTables: { readonly start: number; readonly count: number };
  /** The first cluster of data. */
  readonly dataStart: number;
}

export function planQcow2(diskBytes: number): Qcow2Layout {
  const clusters = Math.ceil(diskBytes / clusterBytes);
  const second = Math.ceil(clusters / entriesPerTable);
  const first = Math.ceil(second / entriesPerTable);
  // As many as a file needs that holds every cluster of the disk, these blocks and their table among them.
  const most = clusters + second + first + 1;
  const blocks = Math.ceil((most * 1.001 + 2) / countsPerBlock);
  const table = Math.ceil(blocks / entriesPerTable);
  const referenceTable = { start: 1, count: table };
  const referenceBlocks = { start: 1 + table, count: blocks };
  const firstTable = { start: referenceBlocks.start + blocks, count: first };
  const secondTables = { start: firstTable.start + first, count: second };
  return { diskBytes, referenceTable, referenceBlocks, firstTable, secondTables, dataStart: secondTables.start + second };
}

/** All clusters before the data. `places` has the cluster of the file for each of the disk's that holds data, 0 for the others. */
export function formatQcow2(layout: Qcow2Layout, places: Uint32Array, endCluster: number): Buffer {
  const { referenceTable, referenceBlocks, firstTable, secondTables } = layout;
  const bytes = Buffer.alloc(layout.dataStart * clusterBytes);
  formatHeader(layout).copy(bytes);
  for (let index = 0; index < referenceBlocks.count; index++) {
    const offset = BigInt((referenceBlocks.start + index) * clusterBytes);
    bytes.writeBigUInt64BE(offset, referenceTable.start * clusterBytes + index * entryBytes);
  }
  for (let cluster = 0; cluster < endCluster; cluster++) bytes.writeUInt16BE(1, referenceBlocks.start * clusterBytes + cluster * 2);
  for (let index = 0; index < secondTables.count; index++) {
    const offset = BigInt((secondTables.start + index) * clusterBytes);
    bytes.writeBigUInt64BE(offset | sole, firstTable.start * clusterBytes + index * entryBytes);
  }
  places.forEach((place, cluster) => {
    if (place === 0) return;
    bytes.writeBigUInt64BE(BigInt(place * clusterBytes) | sole, secondTables.start * clusterBytes + cluster * entryBytes);
  });
  return bytes;
}

function formatHeader({ diskBytes, referenceTable, firstTable, secondTables }: Qcow2Layout): Buffer {
  const bytes = Buffer.alloc(112);
  bytes.write("QFI\xfb", 0, "latin1");
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(16, 20);
  bytes.writeBigUInt64BE(BigInt(diskBytes), 24);
  bytes.writeUInt32BE(secondTables.count, 36);
  bytes.writeBigUInt64BE(BigInt(firstTable.start * clusterBytes), 40);
  bytes.writeBigUInt64BE(BigInt(referenceTable.start * clusterBytes), 48);
  bytes.writeUInt32BE(referenceTable.count, 56);
  bytes.writeUInt32BE(4, 96);
  bytes.writeUInt32BE(104, 100);
  return bytes;
}
