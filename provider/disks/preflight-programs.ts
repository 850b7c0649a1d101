/** What the first bytes of programs say: architecture and signature. */
import { parsePeBinary } from "../model/pe-binary.ts";

/** OCI's names by ELF's `e_machine`. Source: the registry of the System V ABI. */
const elfMachines: Readonly<Record<number, string>> = {
  3: "386",
  21: "ppc64le",
  22: "s390x",
  40: "arm",
  62: "amd64",
  183: "arm64",
  243: "riscv64",
  258: "loong64",
};

/** Undefined for what is no ELF file of an architecture with a name in OCI. */
export function elfArchitecture(start: Buffer): string | undefined {
  if (start.length < 20 || start.toString("latin1", 0, 4) !== "\x7fELF") return undefined;
  const bigEndian = start[5] === 2;
  return elfMachines[bigEndian ? start.readUInt16BE(18) : start.readUInt16LE(18)];
}

/** Whether an EFI program, which kernels are, too, has an entry in its directory of certificates. Source: Microsoft, PE format. */
export function isSigned(head: Buffer): boolean {
  if (parsePeBinary(head) === undefined) return false;
  // The fifth data directory lies behind the fields of the optional header, which has two lengths.
  const optionalHeader = head.subarray(head.readUInt32LE(60) + 24);
  const fieldBytes = optionalHeader.readUInt16LE(0) === 0x20b ? 112 : 96;
  const entry = fieldBytes + 4 * 8;
  if (entry + 8 > optionalHeader.length || optionalHeader.readUInt32LE(fieldBytes - 4) < 5) return false;
  return optionalHeader.readUInt32LE(entry) !== 0 && optionalHeader.readUInt32LE(entry + 4) !== 0;
}
