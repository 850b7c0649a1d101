/** Format `vmdk`: streamOptimized, as vSphere imports it. */
import { open } from "node:fs/promises";
import { Failure } from "../failure.ts";
import { derivedSerial } from "../model/derived-uuid.ts";
import { pinVmdkDescriptor, vmdkDescriptorSpan } from "../model/vmdk.ts";
import type { ConvertedFormat } from "./format-writer.ts";

export const vmdk: ConvertedFormat = {
  extension: ".vmdk",
  version: 1,
  write: async ({ disk, path, fileName, programs, signal }) => {
    await programs.converter.toVmdk({ from: disk.path, to: path }, signal);
    await pinDescriptor(path, { contentId: derivedSerial(disk.identity, "vmdk content"), fileName });
  },
};

async function pinDescriptor(path: string, pins: { readonly contentId: string; readonly fileName: string }): Promise<void> {
  await using file = await open(path, "r+");
  const header = Buffer.alloc(512);
  await file.read(header, 0, header.length, 0);
  const span = vmdkDescriptorSpan(header);
  if (span === undefined) throw new Failure({ kind: "tool", message: "qemu-img wrote a vmdk file whose first sector is not that of one." });
  const descriptor = Buffer.alloc(span.sizeBytes);
  await file.read(descriptor, 0, descriptor.length, span.offsetBytes);
  await file.write(pinVmdkDescriptor(descriptor, pins), 0, descriptor.length, span.offsetBytes);
}
