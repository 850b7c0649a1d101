/** A repository of the local store: the same as one in a registry, on this computer, shared by all processes of the user. */
import { rm } from "node:fs/promises";
import { Failure } from "../failure.ts";
import { formatByteSize } from "../model/byte-size.ts";
import { isDigest, type Digest } from "../model/digest.ts";
import type { OnProgress } from "../resources/ports.ts";
import { blobsOf, verifyBlob, type Content } from "./layout.ts";
import { isIndex, parseDocument, type Descriptor, type Document } from "./manifest.ts";
import { counted } from "./progress.ts";
import type { Repository } from "./repository.ts";
import { changeEntries, digestName, readEntries, tagName, withStoreLock, type Entry } from "./store-index.ts";
import { neededBlobs, reachableFrom } from "./store-sweep.ts";
import type { Store } from "./store.ts";
import type { Task } from "./trouble.ts";

function entryOf(name: string, document: Document): Entry {
  const { digest, mediaType, bytes } = document;
  return { name, descriptor: { digest, mediaType, sizeBytes: bytes.length, annotations: {} } };
}

export class LocalRepository implements Repository {
  readonly #store: Store;
  readonly #repository: string;

  constructor(store: Store, repository: string) {
    this.#store = store;
    this.#repository = repository;
  }

  async #entries(): Promise<readonly Entry[]> {
    return (await readEntries(this.#store.directory)) ?? [];
  }

  /** An image of which a file is missing is not there: saying so has it built again. */
  async resolve(target: string): Promise<Digest | undefined> {
    const name = isDigest(target) ? digestName(this.#repository, target) : tagName(this.#repository, target);
    const entry = (await this.#entries()).find((one) => one.name === name);
    return entry !== undefined && (await this.#isWhole(entry.descriptor)) ? entry.descriptor.digest : undefined;
  }

  async #isWhole(descriptor: Pick<Descriptor, "digest">): Promise<boolean> {
    const bytes = await this.#store.read({ digest: descriptor.digest });
    if (bytes === undefined) return false;
    const { content } = parseDocument(bytes, "", this.#store.path(descriptor.digest));
    const whole = isIndex(content)
      ? content.manifests.map((child) => this.#isWhole(child))
      : blobsOf(content).map((blob) => this.#store.has(blob));
    return (await Promise.all(whole)).every(Boolean);
  }

  async document(digest: Digest): Promise<Document | undefined> {
    const roots = (await this.#entries()).filter((entry) => this.#owns(entry));
    const sets = await Promise.all(roots.map((root) => reachableFrom(this.#store, root.descriptor.digest)));
    if (!sets.some((set) => set.has(digest)) || !(await this.#isWhole({ digest }))) return undefined;
    const bytes = await this.#store.read({ digest });
    return bytes === undefined ? undefined : parseDocument(bytes, "", this.#store.path(digest));
  }

  async ensure(blob: Descriptor, task: Task, onBytes?: (count: number) => void): Promise<void> {
    if (await this.#store.has(blob)) {
      onBytes?.(blob.sizeBytes);
      return;
    }
    throw new Failure({
      kind: "environment",
      code: "not-found",
      message: `${task.failing}: its file ${this.#store.path(blob.digest)} is gone.`,
      fix: "run pulumi up again; the image is built again when a part of it is missing.",
    });
  }

  async publish(content: Content, tags: readonly string[], way: { readonly task: Task; readonly onProgress: OnProgress }): Promise<void> {
    const totalBytes = content.blobs.reduce((sum, blob) => sum + blob.sizeBytes, 0);
    let doneBytes = 0;
    const onBytes = (count: number): void => {
      doneBytes += count;
      way.onProgress({ phase: "storing", doneBytes: Math.min(doneBytes, totalBytes), totalBytes });
    };
    for (const blob of content.blobs) if (await this.#store.has(blob)) await verifyBlob(content, blob, way.task);
    await this.#copy(content, way.task, onBytes);
    await withStoreLock(this.#store.directory, way.task.signal, async () => {
      // Whatever another process removed since is copied again; nothing is removed while we hold the lock.
      await this.#copy(content, way.task, () => undefined);
      await this.#point(content.root, tags);
    });
  }

  async #copy(content: Content, task: Task, onBytes: (count: number) => void): Promise<void> {
    const documents = content.documents.map(({ digest, bytes }) => ({ digest, sizeBytes: bytes.length }));
    for (const blob of [...content.blobs, ...documents]) {
      if (await this.#store.has(blob)) continue;
      const about = {
        what: `A part of the built image (${formatByteSize(blob.sizeBytes)})`,
        aftermath: "The image was not stored.",
        fix: "build again.",
      };
      const source = counted(content.store.rawStream(blob.digest), onBytes);
      await this.#store.put(blob, source, { about, task });
    }
  }

  async #point(document: Document, tags: readonly string[]): Promise<void> {
    const names = [digestName(this.#repository, document.digest), ...tags.map((tag) => tagName(this.#repository, tag))];
    await changeEntries(this.#store.directory, (entries) => [
      ...entries.filter((entry) => !names.includes(entry.name)),
      ...names.map((name) => entryOf(name, document)),
    ]);
  }

  async tag(document: Document, tags: readonly string[], task: Task): Promise<void> {
    await withStoreLock(this.#store.directory, task.signal, () => this.#point(document, tags));
  }

  /** Takes the image out of the index, then the files that no other image needs. */
  async remove(digest: Digest, task: Task): Promise<void> {
    const isOurs = (entry: Entry): boolean => this.#owns(entry) && entry.descriptor.digest === digest;
    await withStoreLock(this.#store.directory, task.signal, async () => {
      if (!(await this.#entries()).some(isOurs)) return;
      const own = await reachableFrom(this.#store, digest);
      await changeEntries(this.#store.directory, (entries) => entries.filter((entry) => !isOurs(entry)));
      const needed = await neededBlobs(this.#store);
      for (const blob of own) if (!needed.has(blob)) await rm(this.#store.path(blob), { force: true });
    });
  }

  #owns(entry: Entry): boolean {
    return [":", "@"].some((mark) => entry.name.startsWith(`${this.#repository}${mark}`));
  }

  async tags(): Promise<readonly string[] | undefined> {
    const prefix = tagName(this.#repository, "");
    const tags = (await this.#entries()).filter((entry) => entry.name.startsWith(prefix)).map((entry) => entry.name.slice(prefix.length));
    return tags.length > 0 || (await this.#entries()).some((entry) => this.#owns(entry)) ? tags.sort() : undefined;
  }
}
