/** How a FAT32 volume is divided. Source: Microsoft, FAT32 file system specification 1.03, "FAT data structure". */
import { Failure } from "../failure.ts";
import { sectorBytes } from "./gpt.ts";

/** Below this count drivers take the volume for FAT16; a few more keep clear of those that count one off. */
const leastClusters = 65_525 + 16;
const largestClusterBytes = 4096;
/** Clouds take changes in blocks of this size: what stays in its block costs one. */
const dataAlignmentBytes = 512 * 1024;
/** Boot sector, its copy, and room for what other tools keep there. */
const leastReservedSectors = 32;
const entryBytes = 4;
export const firstCluster = 2;

export interface FatGeometry {
  readonly sizeBytes: number;
  readonly clusterBytes: number;
  readonly reservedSectors: number;
  /** Of each of the two tables. */
  readonly tableSectors: number;
  readonly clusters: number;
  /** Where cluster 2 begins. */
  readonly dataBytes: number;
}

/** Clusters are the largest of 512 to 4,096 bytes that the volume has enough of. */
export function planFat32(sizeBytes: number): FatGeometry {
  for (let clusterBytes = largestClusterBytes; clusterBytes >= sectorBytes; clusterBytes /= 2) {
    const geometry = divide(sizeBytes, clusterBytes);
    if (geometry.clusters >= leastClusters) return geometry;
  }
  throw new Failure({ kind: "bug", message: `A volume of ${sizeBytes} bytes is too small for FAT32, which needs about 34 MiB.` });
}

function divide(sizeBytes: number, clusterBytes: number): FatGeometry {
  const mostClusters = Math.floor(sizeBytes / clusterBytes);
  const tableSectors = Math.ceil(((mostClusters + firstCluster) * entryBytes) / sectorBytes);
  const leastDataBytes = (leastReservedSectors + 2 * tableSectors) * sectorBytes;
  const dataBytes = Math.ceil(leastDataBytes / dataAlignmentBytes) * dataAlignmentBytes;
  return {
    sizeBytes,
    clusterBytes,
    reservedSectors: dataBytes / sectorBytes - 2 * tableSectors,
    tableSectors,
    clusters: Math.floor((sizeBytes - dataBytes) / clusterBytes),
    dataBytes,
  };
}

/** Where a cluster begins in the volume. */
export function clusterOffset({ dataBytes, clusterBytes }: FatGeometry, cluster: number): number {
  return dataBytes + (cluster - firstCluster) * clusterBytes;
}
