/** Reads a blob from a registry; a connection that breaks is taken up again where it broke. Not verified here. */
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Descriptor } from "./manifest.ts";
import type { Endpoint } from "./endpoint.ts";
import { persist } from "./patience.ts";
import { isTrouble, must, networkTrouble, throwIfCancelled, type Task, type Trouble } from "./trouble.ts";

/** Broken connections per blob, however much each of them brought. */
const maxBreaks = 20;

export interface BlobRequest {
  readonly endpoint: Endpoint;
  readonly repository: string;
  readonly blob: Descriptor;
}

/** How many bytes of the answer were had before: none are skipped in the range that was asked for. */
function skipBytes(answer: IncomingMessage, fromBytes: number, sizeBytes: number): number | undefined {
  if (answer.statusCode !== 206) return fromBytes;
  const range = `bytes ${fromBytes}-${sizeBytes - 1}/`;
  return (answer.headers["content-range"] ?? "").startsWith(range) ? 0 : undefined;
}

interface Piece {
  readonly answer: IncomingMessage;
  readonly skip: number;
}

async function openFrom(request: BlobRequest, fromBytes: number, signal: AbortSignal): Promise<Piece | Trouble> {
  const { endpoint, repository, blob } = request;
  const answer = await endpoint.open(
    {
      method: "GET",
      path: `/v2/${repository}/blobs/${blob.digest}`,
      scope: { repository, right: "pull" },
      headers: fromBytes === 0 ? {} : { range: `bytes=${fromBytes}-${blob.sizeBytes - 1}` },
      expected: fromBytes === 0 ? [200] : [200, 206],
    },
    signal,
  );
  if (isTrouble(answer)) return answer;
  const skip = skipBytes(answer, fromBytes, blob.sizeBytes);
  if (skip !== undefined) return { answer, skip };
  answer.destroy();
  return { trouble: "refused", passing: false, reason: `${endpoint.registry} sent another range of the blob than it was asked for` };
}

/** Yields what comes; answers the error that ended it, if any. */
async function* pieceBytes(piece: Piece): AsyncGenerator<Uint8Array, unknown> {
  let skip = piece.skip;
  try {
    for await (const chunk of piece.answer as AsyncIterable<Uint8Array>) {
      const rest = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - rest.length;
      if (rest.length > 0) yield rest;
    }
    return undefined;
  } catch (error) {
    return error;
  } finally {
    piece.answer.destroy();
  }
}

export async function* downloadBlob(request: BlobRequest, task: Task): AsyncGenerator<Uint8Array> {
  const { patience } = request.endpoint;
  const unhurried = { ...patience, totalSeconds: Infinity };
  let doneBytes = 0;
  for (let breaks = 0; ; breaks += 1) {
    const from = doneBytes;
    const piece = must(task, await persist(task, unhurried, (signal) => openFrom(request, from, signal)));
    const bytes = pieceBytes(piece);
    let next = await bytes.next();
    for (; next.done !== true; next = await bytes.next()) {
      doneBytes += next.value.length;
      yield next.value;
    }
    throwIfCancelled(task);
    // A short answer that ends in good order is taken for what the registry has; verification tells.
    if (next.value === undefined || doneBytes >= request.blob.sizeBytes) return;
    const trouble = networkTrouble(next.value, request.endpoint.registry);
    if (breaks >= maxBreaks || (doneBytes === from && breaks >= patience.attempts))
      must(task, { ...trouble, reason: `${trouble.reason}, ${breaks + 1} times` });
    await sleep(patience.firstDelaySeconds * 1000, undefined, { signal: task.signal }).catch(() => undefined);
  }
}
