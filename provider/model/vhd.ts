/** The footer that makes a raw disk a fixed VHD. Source: Microsoft, Virtual Hard Disk Image Format Specification 1.0. */

const vhdFooterBytes = 512;

export interface VhdDisk {
  /** A multiple of a MiB: Azure takes no other. */
  readonly sizeBytes: number;
  readonly uuid: string;
  readonly createdAtSeconds: number;
}

/** The format counts its seconds from the year 2000. */
const epoch2000Seconds = 946_684_800;

/**
 * "win " as the program that wrote it: for others, readers such as QEMU take the size from the geometry, which cannot
 * say every size.
 */
export function formatVhdFooter({ sizeBytes, uuid, createdAtSeconds }: VhdDisk): Buffer {
  const footer = Buffer.alloc(vhdFooterBytes);
  footer.write("conectix", 0, "latin1");
  footer.writeUInt32BE(2, 8);
  footer.writeUInt32BE(0x00010000, 12);
  footer.fill(0xff, 16, 24);
  footer.writeUInt32BE(createdAtSeconds - epoch2000Seconds, 24);
  footer.write("win ", 28, "latin1");
  footer.writeUInt32BE(0x000a0000, 32);
  footer.write("Wi2k", 36, "latin1");
  footer.writeBigUInt64BE(BigInt(sizeBytes), 40);
  footer.writeBigUInt64BE(BigInt(sizeBytes), 48);
  const { cylinders, heads, sectorsPerTrack } = vhdGeometry(sizeBytes);
  footer.writeUInt16BE(cylinders, 56);
  footer.writeUInt8(heads, 58);
  footer.writeUInt8(sectorsPerTrack, 59);
  footer.writeUInt32BE(2, 60);
  Buffer.from(uuid.replaceAll("-", ""), "hex").copy(footer, 68);
  footer.writeUInt32BE(~footer.reduce((sum, byte) => sum + byte, 0) >>> 0, 64);
  return footer;
}

export interface VhdGeometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectorsPerTrack: number;
}

/** The specification's own algorithm ("CHS Calculation"). */
export function vhdGeometry(sizeBytes: number): VhdGeometry {
  const sectors = Math.min(sizeBytes / 512, 65535 * 16 * 255);
  if (sectors >= 65535 * 16 * 63) return { cylinders: Math.floor(sectors / 255 / 16), heads: 16, sectorsPerTrack: 255 };
  let sectorsPerTrack = 17;
  let tracks = Math.floor(sectors / sectorsPerTrack);
  let heads = Math.max(4, Math.floor((tracks + 1023) / 1024));
  if (tracks >= heads * 1024 || heads > 16) {
    sectorsPerTrack = 31;
    heads = 16;
    tracks = Math.floor(sectors / sectorsPerTrack);
  }
  if (tracks >= heads * 1024) {
    sectorsPerTrack = 63;
    heads = 16;
    tracks = Math.floor(sectors / sectorsPerTrack);
  }
  return { cylinders: Math.floor(tracks / heads), heads, sectorsPerTrack };
}
