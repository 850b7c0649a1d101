/** The sectors that describe a FAT32 volume, and their copies. Source: as `fat-geometry.ts`, "Boot sector" and "FSInfo". */
import type { MemoryExtent } from "./disk-extent.ts";
import type { FatGeometry } from "./fat-geometry.ts";
import { sectorBytes } from "./gpt.ts";

const infoSector = 1;
/** Where every driver looks for the copies. */
const backupSector = 6;
const fixedDisk = 0xf8;

export interface FatVolume {
  /** 8 hex digits. */
  readonly serial: string;
  readonly label: string;
}

export interface FatUse {
  readonly usedClusters: number;
  /** Where a driver begins to look for free ones. */
  readonly nextCluster: number;
}

export function volumeSectors(geometry: FatGeometry, volume: FatVolume, use: FatUse): MemoryExtent[] {
  const bytes = Buffer.concat([bootSector(geometry, volume), infoBytes(geometry, use)]);
  return [0, backupSector].map((sector) => ({ at: sector * sectorBytes, bytes }));
}

function bootSector(geometry: FatGeometry, { serial, label }: FatVolume): Buffer {
  const sector = Buffer.alloc(sectorBytes);
  // A jump over the fields; there is no code behind it, since firmware starts files and no boot sector.
  sector.set([0xeb, 0x58, 0x90], 0);
  sector.write("MSWIN4.1", 3, "latin1");
  sector.writeUInt16LE(sectorBytes, 11);
  sector[13] = geometry.clusterBytes / sectorBytes;
  sector.writeUInt16LE(geometry.reservedSectors, 14);
  sector[16] = 2;
  sector[21] = fixedDisk;
  // Sectors of a track and heads: nobody counts in them any more, but some tools refuse zeros.
  sector.writeUInt16LE(32, 24);
  sector.writeUInt16LE(64, 26);
  sector.writeUInt32LE(Math.floor(geometry.sizeBytes / sectorBytes), 32);
  sector.writeUInt32LE(geometry.tableSectors, 36);
  sector.writeUInt32LE(2, 44);
  sector.writeUInt16LE(infoSector, 48);
  sector.writeUInt16LE(backupSector, 50);
  sector[64] = 0x80;
  sector[66] = 0x29;
  sector.writeUInt32LE(Number.parseInt(serial, 16), 67);
  sector.write(label.padEnd(11), 71, "latin1");
  sector.write("FAT32   ", 82, "latin1");
  sector.set([0x55, 0xaa], 510);
  return sector;
}

function infoBytes({ clusters }: FatGeometry, { usedClusters, nextCluster }: FatUse): Buffer {
  const sector = Buffer.alloc(sectorBytes);
  sector.writeUInt32LE(0x41615252, 0);
  sector.writeUInt32LE(0x61417272, 484);
  sector.writeUInt32LE(clusters - usedClusters, 488);
  sector.writeUInt32LE(nextCluster, 492);
  sector.writeUInt32LE(0xaa550000, 508);
  return sector;
}
