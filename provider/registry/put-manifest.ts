/** Writes a manifest to a registry, under a tag or its digest. */
import type { Endpoint } from "./endpoint.ts";
import { bytesBody, type Reply } from "./exchange.ts";
import type { Document } from "./manifest.ts";
import type { Task, Trouble } from "./trouble.ts";

export interface ManifestPut {
  readonly endpoint: Endpoint;
  readonly repository: string;
  readonly document: Pick<Document, "bytes" | "mediaType">;
  /** A tag, or the document's own digest. */
  readonly target: string;
  /** For a condition under which it is written. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses that are answers; left out: 201 alone. */
  readonly expected?: readonly number[];
}

export function putManifest(put: ManifestPut, task: Task): Promise<Reply | Trouble> {
  const { endpoint, repository, document, target, headers, expected = [201] } = put;
  const question = {
    method: "PUT",
    path: `/v2/${repository}/manifests/${target}`,
    scope: { repository, right: "push" },
    headers: { "content-type": document.mediaType, ...headers },
    body: bytesBody(document.bytes),
    expected,
  } as const;
  return endpoint.ask(question, task);
}
