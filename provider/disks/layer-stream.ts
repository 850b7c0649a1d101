/** The uncompressed bytes of a layer. */
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { cancelled, Failure } from "../failure.ts";
import type { Layer } from "../resources/ports.ts";
import { byteSource } from "./byte-source.ts";
import { isSkippable, zstdFrames } from "./zstd-frames.ts";

const mediaTypes =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar)(?:[.+](?:gzip|zstd))?$/;

/** Of each piece that a decompressor answers; smaller ones cost more than they hold. */
const outputBytes = 256 * 1024;

interface LayerReading {
  readonly signal: AbortSignal;
  /** Compressed bytes read so far, of this layer. */
  readonly onBytes: (count: number) => void;
}

/** Builders have been known to mislabel layers, so the first bytes decide, as with the programs that unpack images. */
export async function* openLayer(layer: Layer, reading: LayerReading): AsyncGenerator<Buffer> {
  if (!mediaTypes.test(layer.mediaType)) throw unknownLayer(layer);
  const chunks = compressedBytes(layer, reading);
  const head = await firstBytes(chunks);
  const source = (async function* (): AsyncGenerator<Buffer> {
    yield head;
    yield* chunks;
  })();
  const compression = compressionOf(head, layer.mediaType);
  if (compression === undefined) return yield* source;
  const decompress = compression === "gzip" ? createGunzip({ chunkSize: outputBytes }) : createZstdDecompress({ chunkSize: outputBytes });
  const done = pipeline(compression === "gzip" ? source : zstdFrames(byteSource(source)), decompress);
  // Awaited below; without this a failure while nobody awaits would end the process.
  done.catch(() => undefined);
  try {
    yield* decompress as AsyncIterable<Buffer>;
    await done;
  } catch (error) {
    throw error instanceof Failure ? error : undecodable(layer, error);
  } finally {
    decompress.destroy();
  }
}

async function* compressedBytes(layer: Layer, { signal, onBytes }: LayerReading): AsyncGenerator<Buffer> {
  for await (const chunk of layer.open() as AsyncIterable<Buffer>) {
    if (signal.aborted) throw cancelled("Reading the layers of the image");
    onBytes(chunk.length);
    yield chunk;
  }
}

async function firstBytes(chunks: AsyncGenerator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 4) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

/** As four bytes alone, a zstd frame without data is not told from a name in a tar archive, so there the type must say it too. */
function compressionOf(head: Buffer, mediaType: string): "gzip" | "zstd" | undefined {
  const magic = head.subarray(0, 4);
  if (magic.toString("hex").startsWith("1f8b")) return "gzip";
  const zstd = magic.toString("hex") === "28b52ffd" || (isSkippable(magic) && mediaType.endsWith("zstd"));
  return zstd ? "zstd" : undefined;
}

function unknownLayer(layer: Layer): Failure {
  return new Failure({
    kind: "input",
    code: "unknown-layer",
    message: `Layer ${layer.digest} of the image is of type ${layer.mediaType}, which holds no files that could be put on a disk; layers must be tar archives, plain or compressed with gzip or zstd.`,
    fix: "use an image that is neither encrypted nor an artifact of another kind.",
  });
}

function undecodable(layer: Layer, error: unknown): Failure {
  const why = error instanceof Error ? error.message : String(error);
  return new Failure({
    kind: "input",
    code: "undecodable-layer",
    message: `Layer ${layer.digest} of the image cannot be decompressed: ${why}.`,
    fix: "build the image again and push it.",
    cause: error,
  });
}
