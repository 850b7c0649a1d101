/** Counts bytes on their way, over several blobs at once and over attempts that begin anew. */
import type { Digest } from "../model/digest.ts";
import type { OnProgress } from "../resources/ports.ts";
import type { Descriptor } from "./manifest.ts";

export async function* counted(
  source: AsyncIterable<Uint8Array>,
  onBytes: ((count: number) => void) | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    onBytes?.(chunk.length);
    yield chunk;
  }
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, number) => total + number, 0);
}

/** Wraps the bytes of one attempt at a blob; a new attempt takes back what the last one had counted. */
export function pushProgress(blobs: readonly Descriptor[], onProgress: OnProgress) {
  const totalBytes = sum(blobs.map((blob) => blob.sizeBytes));
  const sentBytes = new Map<Digest, number>();
  return (blob: Descriptor, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> => {
    sentBytes.set(blob.digest, 0);
    return counted(source, (count) => {
      sentBytes.set(blob.digest, (sentBytes.get(blob.digest) ?? 0) + count);
      onProgress({ phase: "pushing", doneBytes: sum(sentBytes.values()), totalBytes });
    });
  };
}
