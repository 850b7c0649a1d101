/** Finds the repository behind a reference: in the local store, in a registry, or in a registry's mirrors. */
import { formatImageReference, localRegistry, type ImageReference } from "../model/image-reference.ts";
import type { Digest } from "../model/digest.ts";
import { Connections } from "./connections.ts";
import type { FindCredentials } from "./credentials.ts";
import { Endpoint } from "./endpoint.ts";
import { LocalRepository } from "./local-repository.ts";
import { mirrored } from "./mirrored.ts";
import type { Patience } from "./patience.ts";
import { parseRegistryRules, pullRoutes, pushRoute, type RegistryRule, type Route } from "./registries-conf.ts";
import { RemoteRepository } from "./remote-repository.ts";
import type { Repository, Source } from "./repository.ts";
import type { Store } from "./store.ts";
import { readIfThere, registriesFiles, type Environment } from "./surroundings.ts";

export interface PlacesParts {
  readonly store: Store;
  readonly environment: Environment;
  readonly findCredentials: FindCredentials;
  readonly patience: Patience;
}

interface Known {
  readonly endpoint: Endpoint;
  readonly whereabouts: Map<Digest, string>;
}

async function readRules(environment: Environment): Promise<readonly RegistryRule[]> {
  const paths = await registriesFiles(environment);
  const texts = await Promise.all(paths.map(async (path) => ({ path, text: (await readIfThere(path)) ?? "" })));
  return parseRegistryRules(texts);
}

function nameOf({ registry, repository }: ImageReference): string {
  return formatImageReference({ registry, repository });
}

/** Docker Hub keeps its own images under `library/`. */
function fullRepository(route: Route): string {
  return route.registry === "docker.io" && !route.repository.includes("/") ? `library/${route.repository}` : route.repository;
}

export class Places {
  readonly #parts: PlacesParts;
  readonly #connections: Connections;
  readonly #known = new Map<string, Known>();
  #rules: Promise<readonly RegistryRule[]> | undefined;

  constructor(parts: PlacesParts) {
    this.#parts = parts;
    this.#connections = new Connections(parts.environment);
  }

  async #readRules(): Promise<readonly RegistryRule[]> {
    this.#rules ??= readRules(this.#parts.environment);
    return this.#rules;
  }

  #remote(route: Route): RemoteRepository {
    const key = `${route.registry} ${route.insecure}`;
    const { registry, insecure } = route;
    const known = this.#known.get(key) ?? {
      endpoint: new Endpoint({ ...this.#parts, registry, insecure, connections: this.#connections }),
      whereabouts: new Map(),
    };
    this.#known.set(key, known);
    return new RemoteRepository({ ...known, repository: fullRepository(route), store: this.#parts.store });
  }

  async toPull(reference: ImageReference): Promise<Source> {
    if (reference.registry === localRegistry) return new LocalRepository(this.#parts.store, reference.repository);
    const by = reference.digest === undefined ? "tag" : "digest";
    const [first, ...more] = pullRoutes(await this.#readRules(), nameOf(reference), by);
    return mirrored([this.#remote(first), ...more.map((route) => this.#remote(route))]);
  }

  async toPush(reference: ImageReference): Promise<Repository> {
    if (reference.registry === localRegistry) return new LocalRepository(this.#parts.store, reference.repository);
    return this.toPushRemotely(reference);
  }

  /** For what only registries have; `reference` is not of the local store. */
  async toPushRemotely(reference: ImageReference): Promise<RemoteRepository> {
    return this.#remote(pushRoute(await this.#readRules(), nameOf(reference)));
  }
}
