/** The descriptor inside a sparse VMDK. Source: VMware, Virtual Disk Format 5.0. */

export interface Span {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** Where the first sector says that the descriptor is; undefined when it is not that of a sparse VMDK. */
export function vmdkDescriptorSpan(header: Buffer): Span | undefined {
  if (header.toString("latin1", 0, 4) !== "KDMV") return undefined;
  return { offsetBytes: Number(header.readBigUInt64LE(28)) * 512, sizeBytes: Number(header.readBigUInt64LE(36)) * 512 };
}

/** The same descriptor with a content id and a file name of our choice, where qemu-img has a random and a temporary one. */
export function pinVmdkDescriptor(
  descriptor: Buffer,
  { contentId, fileName }: { readonly contentId: string; readonly fileName: string },
): Buffer {
  const end = descriptor.indexOf(0);
  const text = descriptor.toString("utf8", 0, end === -1 ? descriptor.length : end);
  const pinned = text
    .replace(/^CID=[0-9a-f]{8}$/m, () => `CID=${contentId}`)
    .replace(/^(RW [0-9]+ SPARSE) ".*"$/m, (_, what: string) => `${what} "${fileName}"`);
  const bytes = Buffer.alloc(descriptor.length);
  bytes.write(pinned, "utf8");
  return bytes;
}
