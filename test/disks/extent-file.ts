/** Extents in a file, as a test writes them: the simplest thing that can. */
import { open, type FileHandle } from "node:fs/promises";
import type { DiskExtent } from "../../provider/model/disk-extent.ts";

export interface ExtentFile {
  readonly sizeBytes: number;
  readonly extents: readonly DiskExtent[];
  readonly spool?: FileHandle;
}

/** Everything that no extent covers is a hole. */
export async function writeExtents(path: string, { sizeBytes, extents, spool }: ExtentFile): Promise<void> {
  await using file = await open(path, "wx");
  await file.truncate(sizeBytes);
  for (const extent of extents) {
    const bytes = "bytes" in extent ? extent.bytes : await spooled(spool, extent.from, extent.length);
    await file.write(bytes, 0, bytes.length, extent.at);
  }
}

async function spooled(spool: FileHandle | undefined, from: number, length: number): Promise<Buffer> {
  if (spool === undefined) throw new Error("The test has no spool.");
  const { bytesRead, buffer } = await spool.read(Buffer.alloc(length), 0, length, from);
  if (bytesRead !== length) throw new Error(`The spool ends within ${length} bytes at ${from}.`);
  return buffer;
}
