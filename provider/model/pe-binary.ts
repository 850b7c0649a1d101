/** EFI programs: PE files, of which unified kernel images are a kind. Source: Microsoft, PE format; UAPI group, unified kernel image specification. */

export interface PeSection {
  /** With its dot: `.linux`. */
  readonly name: string;
  /** In the file. */
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface PeBinary {
  /** By OCI's name; undefined for one that has none. */
  readonly architecture: string | undefined;
  readonly isEfiApplication: boolean;
  readonly sections: readonly PeSection[];
}

/** So many bytes of a file hold its headers. */
export const peHeadBytes = 16 * 1024;

const architectures: Readonly<Record<number, string>> = {
  0x014c: "386",
  0x01c2: "arm",
  0x01c4: "arm",
  0x8664: "amd64",
  0xaa64: "arm64",
  0x5064: "riscv64",
  0x6264: "loong64",
};
const fileHeaderBytes = 24;
const sectionHeaderBytes = 40;
const efiApplication = 10;

/** Undefined for what is no PE file, or has its headers beyond the given bytes. */
export function parsePeBinary(head: Buffer): PeBinary | undefined {
  if (head.length < 64 || head.toString("latin1", 0, 2) !== "MZ") return undefined;
  const at = head.readUInt32LE(60);
  if (at + fileHeaderBytes > head.length || head.toString("latin1", at, at + 4) !== "PE\0\0") return undefined;
  const sectionsAt = at + fileHeaderBytes + head.readUInt16LE(at + 20);
  const count = head.readUInt16LE(at + 6);
  if (sectionsAt + count * sectionHeaderBytes > head.length || sectionsAt < at + fileHeaderBytes + 70) return undefined;
  return {
    architecture: architectures[head.readUInt16LE(at + 4)],
    isEfiApplication: head.readUInt16LE(at + fileHeaderBytes + 68) === efiApplication,
    sections: Array.from({ length: count }, (_, index) => parseSection(head.subarray(sectionsAt + index * sectionHeaderBytes))),
  };
}

/** What a section holds can be shorter than what it takes in the file. */
function parseSection(header: Buffer): PeSection {
  return {
    name: header.toString("latin1", 0, 8).replace(/\0.*$/s, ""),
    offset: header.readUInt32LE(20),
    sizeBytes: Math.min(header.readUInt32LE(8), header.readUInt32LE(16)),
  };
}
