/** A registry in memory behind the port Images: what is published there can be found, read, tagged and removed. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { Failure } from "../../provider/failure.ts";
import type { Digest } from "../../provider/model/digest.ts";
import type { ImageReference, PinnedReference } from "../../provider/model/image-reference.ts";
import { formatPlatform, manifestFor, parsePlatform, type Platform } from "../../provider/model/platform.ts";
import type { RegistryImages } from "../../provider/registry/images.ts";
import type { ImageDescription, Images, OpenImage, PublishRequest } from "../../provider/resources/ports.ts";
import { Effects } from "./effects.ts";

interface Descriptor {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly platform?: Platform;
}

interface Manifest {
  readonly manifests?: readonly Descriptor[];
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

interface Configuration {
  readonly created?: string;
  readonly os: string;
  readonly architecture: string;
  readonly config?: { readonly Labels?: Readonly<Record<string, string>> };
}

interface Repository {
  /** Manifests and indexes that can be asked for. */
  readonly digests: Set<Digest>;
  readonly tags: Map<string, Digest>;
}

export class MemoryImages implements RegistryImages {
  readonly repositories = new Map<string, Repository>();
  readonly #blobs = new Map<Digest, Buffer>();
  readonly #effects: Effects;
  /** Thrown instead of an answer, by what was asked. */
  readonly trouble: { [Verb in keyof RegistryImages]?: Failure } = {};
  /** What was asked, in order: `resolve registry.example.com/team/os:in-1`. */
  readonly asked: string[] = [];
  onAsked: () => void = () => {};

  constructor(effects = new Effects()) {
    this.#effects = effects;
  }

  /** All tags, as people would list them: `registry.example.com/team/os:stable 1111aaaa`. */
  summary(): string[] {
    return [...this.repositories].flatMap(([name, { tags }]) => [...tags].map(([tag, digest]) => `${name}:${tag} ${digest.slice(7, 15)}`));
  }

  async resolve(reference: ImageReference, { signal }: { readonly signal: AbortSignal }): Promise<Digest | undefined> {
    const known = await this.#asked("resolve", reference, signal);
    if (reference.digest !== undefined) return known?.digests.has(reference.digest) === true ? reference.digest : undefined;
    return known?.tags.get(reference.tag ?? "latest");
  }

  async describe(reference: PinnedReference, signal: AbortSignal): Promise<ImageDescription | undefined> {
    const known = await this.#asked("describe", reference, signal);
    return known?.digests.has(reference.digest) === true ? this.#describe(reference.digest) : undefined;
  }

  async open(reference: PinnedReference, platform: Platform, { signal }: Parameters<Images["open"]>[2]): Promise<OpenImage> {
    await this.#asked("open", reference, signal);
    const digest = manifestFor(this.#describe(reference.digest).platformDigests, platform);
    if (digest === undefined) throw new Error(`there is no ${formatPlatform(platform)} in ${reference.digest}`);
    const { layers } = this.#json(digest) as Manifest;
    const opened = layers.map((layer) => ({
      digest: layer.digest,
      mediaType: layer.mediaType,
      sizeBytes: layer.size,
      open: () => Readable.from([this.#blob(layer.digest)]),
    }));
    return { digest, platform, labels: this.#describe(digest).labels, layers: opened, blobs: "/none" };
  }

  async publish(request: PublishRequest): Promise<ImageDescription> {
    const { repository: at, layoutDirectory, tags } = request;
    await this.#asked("publish", at, request.signal);
    const index = JSON.parse(await readFile(join(layoutDirectory, "index.json"), "utf8")) as { manifests: readonly [Descriptor] };
    const [{ digest }] = index.manifests;
    const repository = this.#repository(at);
    for (const one of await this.#take(layoutDirectory, digest)) repository.digests.add(one);
    this.#effects.happened(`push ${nameOf(at)}`);
    for (const tag of tags) this.#tag(at, tag, digest);
    return this.#describe(digest);
  }

  async tag(reference: PinnedReference, tags: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#asked("tag", reference, signal);
    for (const tag of tags) this.#tag(reference, tag, reference.digest);
  }

  async remove(reference: PinnedReference, signal: AbortSignal): Promise<void> {
    const known = await this.#asked("remove", reference, signal);
    if (known?.digests.delete(reference.digest) !== true) return;
    for (const [tag, digest] of known.tags) if (digest === reference.digest) known.tags.delete(tag);
    this.#effects.happened(`remove ${nameOf(reference)}`);
  }

  async tags(repository: ImageReference, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const known = await this.#asked("tags", repository, signal);
    return known === undefined ? undefined : [...known.tags.keys()].toSorted();
  }

  async #asked(verb: keyof RegistryImages, reference: ImageReference, signal: AbortSignal): Promise<Repository | undefined> {
    await Promise.resolve();
    this.#effects.live();
    signal.throwIfAborted();
    this.asked.push(`${verb} ${nameOf(reference)}${reference.tag === undefined ? "" : `:${reference.tag}`}`);
    this.onAsked();
    const trouble = this.trouble[verb];
    if (trouble !== undefined) throw trouble;
    return this.repositories.get(nameOf(reference));
  }

  #repository(reference: ImageReference): Repository {
    const name = nameOf(reference);
    const known = this.repositories.get(name) ?? { digests: new Set(), tags: new Map() };
    this.repositories.set(name, known);
    return known;
  }

  #tag(at: ImageReference, tag: string, digest: Digest): void {
    this.#repository(at).tags.set(tag, digest);
    this.#effects.happened(`tag ${nameOf(at)}:${tag.replace(/^in-.*/, "in-")}`);
  }

  /** Reads a manifest and all that it names; the digests that are manifests. */
  async #take(layout: string, digest: Digest): Promise<readonly Digest[]> {
    const read = async (one: Digest): Promise<void> => {
      this.#blobs.set(one, await readFile(join(layout, "blobs", "sha256", one.slice(7))));
    };
    await read(digest);
    const manifest = this.#json(digest) as Manifest;
    if (manifest.manifests !== undefined) {
      const children = await Promise.all(manifest.manifests.map((child) => this.#take(layout, child.digest)));
      return [digest, ...children.flat()];
    }
    await Promise.all([manifest.config, ...manifest.layers].map((blob) => read(blob.digest)));
    return [digest];
  }

  #blob(digest: Digest): Buffer {
    const bytes = this.#blobs.get(digest);
    if (bytes === undefined) throw new Error(`${digest} was never published`);
    return bytes;
  }

  #json(digest: Digest): unknown {
    return JSON.parse(this.#blob(digest).toString());
  }

  #describe(digest: Digest): ImageDescription {
    const manifest = this.#json(digest) as Manifest;
    if (manifest.manifests !== undefined) {
      const children = manifest.manifests.map((child) => this.#describe(child.digest));
      const sizeBytes = children.reduce((sum, child) => sum + child.sizeBytes, 0);
      const platformDigests = Object.assign({}, ...children.map((child) => child.platformDigests)) as Record<string, Digest>;
      return { ...children[0], digest, platformDigests, sizeBytes, labels: children[0]?.labels ?? {} };
    }
    const { created, os, architecture, config } = this.#json(manifest.config.digest) as Configuration;
    const platform = formatPlatform(parsePlatform(`${os}/${architecture}`) ?? { os, architecture });
    return {
      digest,
      platformDigests: { [platform]: digest },
      ...(created === undefined ? {} : { createdAt: new Date(created).toISOString() }),
      sizeBytes: [manifest.config, ...manifest.layers].reduce((sum, { size }) => sum + size, 0),
      labels: config?.Labels ?? {},
    };
  }
}

function nameOf({ registry, repository }: ImageReference): string {
  return `${registry}/${repository}`;
}
