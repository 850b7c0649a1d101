/** A repository in a registry. Source: OCI distribution spec 1.1. */
import { Readable } from "node:stream";
import { isDigest, type Digest } from "../model/digest.ts";
import type { OnProgress } from "../resources/ports.ts";
import { answerTrouble, isDefinitelyNotFound } from "./answers.ts";
import { downloadBlob } from "./blob-download.ts";
import { isBlobThere, uploadBlob } from "./blob-upload.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Reply } from "./exchange.ts";
import { verifyBlob, type Content } from "./layout.ts";
import { acceptedTypes, digestOf, maxDocumentBytes, parseDocument, type Descriptor, type Document } from "./manifest.ts";
import { forEachAtOnce } from "./parallel.ts";
import { counted, pushProgress } from "./progress.ts";
import { putManifest } from "./put-manifest.ts";
import type { Repository } from "./repository.ts";
import type { Store } from "./store.ts";
import { nextPage } from "./tag-pages.ts";
import { distrustRegistry } from "./verified.ts";
import { failureOf, isTrouble, must, type Task, type Trouble } from "./trouble.ts";

const uploadsAtOnce = 3;
const maxTagPages = 1000;

export interface RemoteParts {
  readonly endpoint: Endpoint;
  readonly repository: string;
  readonly store: Store;
  /** Blob to a repository of this registry that has it, as far as this process saw. */
  readonly whereabouts: Map<Digest, string>;
}

export class RemoteRepository implements Repository {
  readonly #parts: RemoteParts;

  constructor(parts: RemoteParts) {
    this.#parts = parts;
  }

  /** For what is kept in registries beside images. */
  get parts(): RemoteParts {
    return this.#parts;
  }

  get #name(): string {
    return `${this.#parts.endpoint.registry}/${this.#parts.repository}`;
  }

  #manifestPath(target: string): string {
    return `/v2/${this.#parts.repository}/manifests/${target}`;
  }

  async #askManifest(method: "HEAD" | "GET", target: string, task: Task): Promise<Reply | Trouble> {
    const { endpoint, repository } = this.#parts;
    return endpoint.ask(
      {
        method,
        path: this.#manifestPath(target),
        scope: { repository, right: "pull" },
        headers: { accept: acceptedTypes },
        expected: [200, 404],
        limitBytes: maxDocumentBytes,
      },
      task,
    );
  }

  /** One HEAD. The digest in its answer is all there is to go by; whoever reads the image verifies it against the bytes. */
  async resolve(target: string, task: Task): Promise<Digest | undefined> {
    const reply = must(task, await this.#askManifest("HEAD", target, task));
    if (reply.status === 404) return this.#notFound(reply, task);
    const digest = String(reply.headers["docker-content-digest"] ?? "");
    if (!isDigest(digest)) return (await this.#read(target, task))?.digest;
    if (isDigest(target) && digest !== target) throw this.#wrongDigest(target, digest, task);
    return digest;
  }

  async document(digest: Digest, task: Task): Promise<Document | undefined> {
    return this.#read(digest, task);
  }

  async #read(target: string, task: Task): Promise<Document | undefined> {
    const reply = must(task, await this.#askManifest("GET", target, task));
    if (reply.status === 404) return this.#notFound(reply, task);
    const digest = digestOf(reply.bytes);
    if (isDigest(target) && digest !== target) throw this.#wrongDigest(target, digest, task);
    return parseDocument(reply.bytes, reply.headers["content-type"] ?? "", `Image ${this.#name}@${digest}`);
  }

  #notFound(reply: Reply, task: Task): undefined {
    if (isDefinitelyNotFound(reply)) return undefined;
    throw failureOf(task, answerTrouble(reply, { who: "the registry", registry: this.#parts.endpoint.registry, secrets: [] }));
  }

  #wrongDigest(wanted: Digest, got: string, task: Task): Error {
    return failureOf(task, {
      trouble: "wrong-digest",
      passing: false,
      reason: `asked for ${wanted}, ${this.#parts.endpoint.registry} gave a manifest with ${got}; it was not used`,
      fix: distrustRegistry,
    });
  }

  async ensure(blob: Descriptor, task: Task, onBytes?: (count: number) => void): Promise<void> {
    const { endpoint, repository, store } = this.#parts;
    if (await store.has(blob)) {
      await store.touch(blob.digest);
      onBytes?.(blob.sizeBytes);
      return;
    }
    const about = { what: `A blob of ${this.#name}`, aftermath: "Nothing of it was kept.", fix: distrustRegistry };
    const source = counted(downloadBlob({ endpoint, repository, blob }, task), onBytes);
    await store.put(blob, source, { about, task });
  }

  async publish(content: Content, tags: readonly string[], way: { readonly task: Task; readonly onProgress: OnProgress }): Promise<void> {
    const { task } = way;
    for (const blob of content.blobs) await verifyBlob(content, blob, task);
    const missing: Descriptor[] = [];
    await forEachAtOnce(content.blobs, uploadsAtOnce, async (blob) => {
      if (!(await isBlobThere({ ...this.#parts, blob }, task))) missing.push(blob);
    });
    await this.#upload(missing, content, way);
    for (const blob of content.blobs) this.#parts.whereabouts.set(blob.digest, this.#parts.repository);
    for (const document of content.documents) await this.#putManifest(document, document.digest, task);
    await this.tag(content.root, tags, task);
  }

  async #upload(
    missing: readonly Descriptor[],
    content: Content,
    way: { readonly task: Task; readonly onProgress: OnProgress },
  ): Promise<void> {
    const { endpoint, repository, whereabouts } = this.#parts;
    const report = pushProgress(missing, way.onProgress);
    const stop = new AbortController();
    const task = { ...way.task, signal: AbortSignal.any([way.task.signal, stop.signal]) };
    await forEachAtOnce(missing, uploadsAtOnce, async (blob) => {
      const sister = whereabouts.get(blob.digest);
      const mount = sister === undefined || sister === repository ? {} : { mountFrom: sister };
      const open = () => Readable.from(report(blob, content.store.rawStream(blob.digest)), { objectMode: false });
      await uploadBlob({ endpoint, repository, blob, open, ...mount }, task).catch((error: unknown) => {
        stop.abort();
        throw error;
      });
    });
  }

  async tag(document: Document, tags: readonly string[], task: Task): Promise<void> {
    for (const tag of tags) await this.#putManifest(document, tag, task);
  }

  async #putManifest(document: Document, target: string, task: Task): Promise<void> {
    must(task, await putManifest({ ...this.#parts, document, target }, task));
  }

  async remove(digest: Digest, task: Task): Promise<void> {
    const { endpoint, repository } = this.#parts;
    const scope = { repository, right: "delete" } as const;
    const reply = await endpoint.ask(
      { method: "DELETE", path: this.#manifestPath(digest), scope, expected: [200, 202, 204, 404, 405] },
      task,
    );
    const { status } = must(task, reply);
    if (status !== 405) return;
    throw failureOf(task, {
      trouble: "refused",
      passing: false,
      reason: `${endpoint.registry} does not allow images to be deleted (405); the image stays there`,
      fix: `allow deletes in the registry's settings, or set onDelete to "keep".`,
    });
  }

  async tags(task: Task): Promise<readonly string[] | undefined> {
    const { endpoint, repository } = this.#parts;
    const found = new Set<string>();
    let path: string | undefined = `/v2/${repository}/tags/list?n=1000`;
    for (let page = 0; path !== undefined && page < maxTagPages; page += 1) {
      const scope = { repository, right: "pull" } as const;
      const reply: Reply = must(
        task,
        await endpoint.ask({ method: "GET", path, scope, expected: [200, 404], limitBytes: maxDocumentBytes }, task),
      );
      if (reply.status === 404) return this.#notFound(reply, task);
      const next = nextPage(reply, new URL(path, endpoint.root));
      if (isTrouble(next)) throw failureOf(task, next);
      const before = found.size;
      for (const tag of next.tags) found.add(tag);
      path = found.size > before ? next.path : undefined;
    }
    return [...found].sort();
  }
}
