/** Writes a blob to a registry: not when it is there, by a mount from a sister repository where one is known, else in one PUT. */
import type { Readable } from "node:stream";
import type { Descriptor } from "./manifest.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Reply } from "./exchange.ts";
import { persist } from "./patience.ts";
import { uploadTarget } from "./redirects.ts";
import { isTrouble, must, type Task, type Trouble } from "./trouble.ts";

/** What the storage behind a registry works off in a second, at least. */
const slowestStorageBytes = 10 * 1024 ** 2;

export interface BlobUpload {
  readonly endpoint: Endpoint;
  readonly repository: string;
  readonly blob: Descriptor;
  open(): Readable;
  /** A repository on the same registry that is known to have the blob. */
  readonly mountFrom?: string;
}

export async function isBlobThere(upload: Pick<BlobUpload, "endpoint" | "repository" | "blob">, task: Task): Promise<boolean> {
  const { endpoint, repository, blob } = upload;
  const question = {
    method: "HEAD",
    path: `/v2/${repository}/blobs/${blob.digest}`,
    // One login for the whole push: who may push may also ask.
    scope: { repository, right: "push" },
    expected: [200, 404],
  } as const;
  const reply = must(task, await endpoint.ask(question, task));
  const length = reply.headers["content-length"];
  return reply.status === 200 && (length === undefined || Number(length) === blob.sizeBytes);
}

async function begin(upload: BlobUpload, mountFrom: string | undefined, signal: AbortSignal): Promise<Reply | Trouble> {
  const { endpoint, repository, blob } = upload;
  const mount = mountFrom === undefined ? "" : `?mount=${encodeURIComponent(blob.digest)}&from=${encodeURIComponent(mountFrom)}`;
  const path = `/v2/${repository}/blobs/uploads/${mount}`;
  const headers = { "content-length": "0" };
  return endpoint.askOnce({ method: "POST", path, scope: { repository, right: "push" }, headers, expected: [201, 202] }, signal);
}

/** The location is kept byte for byte: registries sign what is in it. */
function withDigest(location: URL, digest: string): string {
  const query = location.search === "" ? "?" : `${location.search}&`;
  return `${location.origin}${location.pathname}${query}digest=${encodeURIComponent(digest)}`;
}

async function uploadOnce(upload: BlobUpload, signal: AbortSignal): Promise<Reply | Trouble> {
  const { endpoint, repository, blob } = upload;
  let begun = await begin(upload, upload.mountFrom, signal);
  // Who may push here may still not be known to read there.
  if (isTrouble(begun) && upload.mountFrom !== undefined && !begun.passing) begun = await begin(upload, undefined, signal);
  if (isTrouble(begun) || begun.status === 201) return begun;
  const target = uploadTarget(endpoint.root, begun.headers.location);
  if (isTrouble(target)) return target;
  const question = {
    method: "PUT",
    path: withDigest(target, blob.digest),
    scope: { repository, right: "push" },
    headers: { "content-type": "application/octet-stream" },
    body: { sizeBytes: blob.sizeBytes, open: () => upload.open() },
    expected: [201, 204],
    // Registries hash the whole of a blob, and some copy it, before they answer.
    extraSilenceSeconds: blob.sizeBytes / slowestStorageBytes,
  } as const;
  return endpoint.askOnce(question, signal);
}

/** A try that broke begins anew: a registry may have kept nothing of it, or all. */
export async function uploadBlob(upload: BlobUpload, task: Task): Promise<void> {
  const { endpoint } = upload;
  let first = true;
  const outcome = await persist(
    task,
    { ...endpoint.patience, totalSeconds: Infinity },
    async (signal): Promise<Reply | Trouble | { readonly there: true }> => {
      if (!first && (await isBlobThere(upload, task))) return { there: true };
      first = false;
      return uploadOnce(upload, signal);
    },
  );
  must(task, outcome);
}
