/** The port `Images`: registries, and the OCI layout on this computer behind the registry name `local`. */
import { Failure } from "../failure.ts";
import { formatImageReference, localRegistry, type ImageReference, type PinnedReference } from "../model/image-reference.ts";
import { shortDigest } from "../model/digest.ts";
import type { RunProgram } from "../model/program.ts";
import type { DiskArtifacts } from "../model/published-disk.ts";
import type { Images, PublishRequest } from "../resources/ports.ts";
import { credentialFinder } from "./credentials.ts";
import { describeImage, type Reading } from "./describe.ts";
import { diskArtifacts } from "./disk-artifacts.ts";
import { readLayout } from "./layout.ts";
import { openImage } from "./open-image.ts";
import { defaultPatience, type Patience } from "./patience.ts";
import { Places } from "./places.ts";
import type { Source } from "./repository.ts";
import { withStoreLock } from "./store-index.ts";
import { sweep } from "./store-sweep.ts";
import { Store } from "./store.ts";
import { stored } from "./stored.ts";
import type { Environment } from "./surroundings.ts";
import { throwIfCancelled, type Task } from "./trouble.ts";

export interface ImagesOptions {
  /** The local store, also the cache of blobs from registries. */
  readonly storeDirectory: string;
  /** Runs credential helpers. */
  readonly runProgram: RunProgram;
  /** Where podman's and docker's settings are looked for; default: this process's. */
  readonly environment?: Environment;
  readonly patience?: Partial<Patience>;
  /** How much of other registries' blobs stays in the store; default 20 GiB. */
  readonly cacheBytes?: number;
}

/** With the list of a repository's tags, which no resource needs yet but retention does. */
export interface RegistryImages extends Images {
  /** Sorted; undefined only on a definite "not found". */
  tags(repository: ImageReference, signal: AbortSignal): Promise<readonly string[] | undefined>;
}

/** With the disks that lie beside the images. */
export interface Registries extends RegistryImages {
  readonly diskArtifacts: DiskArtifacts;
}

const defaultCacheBytes = 20 * 1024 ** 3;

/** A reference in messages: digests shortened. */
function nameOf(reference: ImageReference): string {
  const { digest, ...rest } = reference;
  return digest === undefined ? formatImageReference(rest) : `${formatImageReference(rest)}@sha256:${shortDigest(digest)}…`;
}

function taskOf(verb: readonly [failing: string, doing: string], name: string, signal: AbortSignal): Task {
  return { failing: `Could not ${verb[0].replace("%", name)}`, doing: verb[1].replace("%", name), signal };
}

const verbs = {
  resolve: ["look up image %", "Looking up image %"],
  describe: ["tell whether image % still exists", "Reading image %"],
  open: ["fetch image %", "Fetching image %"],
  publish: ["push image %", "Pushing image %"],
  tag: ["tag image %", "Tagging image %"],
  remove: ["delete image %", "Deleting image %"],
  tags: ["list the tags of %", "Listing the tags of %"],
} as const;

class StoreAndRegistries implements Registries {
  readonly diskArtifacts: DiskArtifacts;
  readonly #store: Store;
  readonly #places: Places;
  readonly #cacheBytes: number;
  #swept = false;

  constructor(options: ImagesOptions) {
    const environment = options.environment ?? process.env;
    this.#store = new Store(options.storeDirectory);
    this.#cacheBytes = options.cacheBytes ?? defaultCacheBytes;
    this.#places = new Places({
      store: this.#store,
      environment,
      findCredentials: credentialFinder(options.runProgram, environment),
      patience: { ...defaultPatience, ...options.patience },
    });
    this.diskArtifacts = diskArtifacts({ store: this.#store, places: this.#places });
  }

  async resolve(reference: ImageReference, options: { readonly signal: AbortSignal; readonly timeoutSeconds?: number }) {
    const task = { ...taskOf(verbs.resolve, nameOf(reference), options.signal), ...options };
    const source = await this.#places.toPull(reference);
    return source.resolve(reference.digest ?? reference.tag ?? "latest", task);
  }

  async describe(reference: PinnedReference, signal: AbortSignal) {
    const task = taskOf(verbs.describe, nameOf(reference), signal);
    return this.#describe(await this.#places.toPull(reference), reference, task);
  }

  /** The registry itself is asked for the root; what that names is known by digest and may come from the store. */
  async #describe(source: Source, reference: PinnedReference, task: Task) {
    const document = await source.document(reference.digest, task);
    return document === undefined ? undefined : describeImage(this.#reading(source, reference, task), document);
  }

  #reading(source: Source, reference: ImageReference, task: Task): Reading {
    const isLocal = reference.registry === localRegistry;
    return { source: isLocal ? source : stored(source, this.#store), store: this.#store, task };
  }

  async open(reference: PinnedReference, platform: Parameters<Images["open"]>[1], request: Parameters<Images["open"]>[2]) {
    const task = taskOf(verbs.open, nameOf(reference), request.signal);
    const reading = this.#reading(await this.#places.toPull(reference), reference, task);
    const image = await openImage({ ...reading, reference, platform, onProgress: request.onProgress });
    await this.#sweepOnce(task);
    return image;
  }

  async publish(request: PublishRequest) {
    const { registry, repository } = request.repository;
    const task = taskOf(verbs.publish, nameOf({ registry, repository }), request.signal);
    const place = await this.#places.toPush(request.repository);
    const content = await readLayout(request.layoutDirectory);
    await place.publish(content, request.tags, { task, onProgress: request.onProgress });
    const inForce = await place.resolve(request.tags[0] ?? content.root.digest, task);
    const description = inForce === undefined ? undefined : await this.#describe(place, { registry, repository, digest: inForce }, task);
    if (description !== undefined) return description;
    throw new Failure({
      kind: "remote",
      code: "not-found",
      message: `${task.failing}: the push went through, but the image cannot be read back.`,
      fix: "run pulumi up again; if it stays so, look at the registry's logs.",
    });
  }

  async tag(reference: PinnedReference, tags: readonly string[], signal: AbortSignal) {
    const task = taskOf(verbs.tag, nameOf(reference), signal);
    const place = await this.#places.toPush(reference);
    const document = await place.document(reference.digest, task);
    if (document !== undefined) return place.tag(document, tags, task);
    throw new Failure({
      kind: "remote",
      code: "not-found",
      message: `${task.failing} as ${tags.join(", ")}: it is not there any more. No tag was moved.`,
      fix: "run pulumi up again; the image is built and pushed again when it is missing.",
    });
  }

  async remove(reference: PinnedReference, signal: AbortSignal) {
    const place = await this.#places.toPush(reference);
    await place.remove(reference.digest, taskOf(verbs.remove, nameOf(reference), signal));
  }

  async tags(repository: ImageReference, signal: AbortSignal) {
    const name = formatImageReference({ registry: repository.registry, repository: repository.repository });
    const place = await this.#places.toPush(repository);
    return place.tags(taskOf(verbs.tags, name, signal));
  }

  /** Housekeeping: what goes wrong with it must not fail what the user wants, and is tried again in the next run. */
  async #sweepOnce(task: Task): Promise<void> {
    if (this.#swept) return;
    this.#swept = true;
    const limits = { cacheBytes: this.#cacheBytes, now: Date.now() };
    await withStoreLock(this.#store.directory, task.signal, () => sweep(this.#store, limits)).catch(() => throwIfCancelled(task));
  }
}

export function images(options: ImagesOptions): Registries {
  return new StoreAndRegistries(options);
}
