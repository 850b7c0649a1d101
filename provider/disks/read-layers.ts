/** Reads an image's layers, from the lowest to the highest, into one tree. */
import { Failure } from "../failure.ts";
import type { Layer, OnProgress } from "../resources/ports.ts";
import type { FileBodies } from "./file-bodies.ts";
import { applyEntry, emptyTree, type FileNode } from "./file-tree.ts";
import { openLayer } from "./layer-stream.ts";
import { readTar } from "./tar-reader.ts";

export interface LayersReading {
  readonly bodies: FileBodies;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

export async function readLayers(layers: readonly Layer[], { bodies, signal, onProgress }: LayersReading): Promise<FileNode> {
  const root = emptyTree();
  const totalBytes = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let doneBytes = 0;
  const onBytes = (count: number): void => {
    doneBytes += count;
    onProgress({ phase: "reading layers", doneBytes, totalBytes });
  };
  for (const [index, layer] of layers.entries()) {
    await named(layer, `${index + 1} of ${layers.length}`, async () => {
      for await (const item of readTar(openLayer(layer, { signal, onBytes }))) {
        const body = item.entry.kind === "file" ? { body: await bodies.store(item) } : {};
        applyEntry(root, index, { entry: item.entry, ...body });
      }
    });
  }
  await bodies.settle();
  return root;
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
