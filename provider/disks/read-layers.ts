/** Reads an image's layers, from the lowest to the highest, into one tree. */
import { Failure } from "../failure.ts";
import { formatByteSize } from "../model/byte-size.ts";
import type { Layer, OnProgress } from "../resources/ports.ts";
import type { FileNode } from "./file-node.ts";
import { applyEntry, emptyTree } from "./file-tree.ts";
import { openLayer } from "./layer-stream.ts";
import type { Spool } from "./spool.ts";
import { readTar, type TarEntry } from "./tar-reader.ts";

export interface LayersReading {
  readonly spool: Spool;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
  readonly limits?: TreeLimits;
}

/** The tree is kept in memory, and a small layer can hold very many empty files. */
export interface TreeLimits {
  readonly entries: number;
  readonly attributeBytes: number;
}

const defaultLimits: TreeLimits = { entries: 2_000_000, attributeBytes: 128 * 1024 ** 2 };

export async function readLayers(layers: readonly Layer[], reading: LayersReading): Promise<FileNode> {
  const { spool, signal, onProgress } = reading;
  const root = emptyTree();
  const count = counter(reading.limits ?? defaultLimits);
  const totalBytes = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let doneBytes = 0;
  const onBytes = (count: number): void => {
    doneBytes += count;
    onProgress({ phase: "reading layers", doneBytes, totalBytes });
  };
  for (const [index, layer] of layers.entries()) {
    await named(layer, `${index + 1} of ${layers.length}`, async () => {
      for await (const item of readTar(openLayer(layer, { signal, onBytes }))) {
        count(item.entry);
        const body = item.entry.kind === "file" ? { body: await spool.store(item) } : {};
        applyEntry(root, index, { entry: item.entry, ...body });
      }
    });
  }
  await spool.settle();
  return root;
}

function counter(limits: TreeLimits): (entry: TarEntry) => void {
  let entries = 0;
  let attributeBytes = 0;
  const refuse = (what: string): Failure =>
    new Failure({
      kind: "input",
      code: "too-large-tree",
      message: `The image has more than ${what}, which this provider does not put on a disk. Nothing was written.`,
      fix: "put what needs so many of them into a file of its own, such as an archive or a file system image.",
    });
  return ({ xattrs }) => {
    entries += 1;
    for (const value of xattrs.values()) attributeBytes += value.length;
    if (entries > limits.entries) throw refuse(`${limits.entries} files`);
    if (attributeBytes > limits.attributeBytes) throw refuse(`${formatByteSize(limits.attributeBytes)} of extended attributes`);
  };
}

/** Says which layer it was. */
async function named(layer: Layer, place: string, read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof Failure) || !["malformed-layer", "refused-entry"].includes(error.code ?? "")) throw error;
    const { kind, message, fix, code } = error;
    const detail = `It is layer ${place}, ${layer.digest}.`;
    throw new Failure({
      kind,
      message,
      detail,
      ...(fix === undefined ? {} : { fix }),
      ...(code === undefined ? {} : { code }),
      cause: error,
    });
  }
}
