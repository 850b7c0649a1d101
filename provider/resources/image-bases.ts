/** The digests that an Image's bases are locked at. */
import { Failure, retell } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import { isPinned, parseImageReference, type ImageReference } from "../model/image-reference.ts";
import type { Images } from "./ports.ts";

/** A new base has no lock to fall back on, so its registry gets more time than one that is only asked whether a tag moved. */
const [lookupSeconds, firstLookupSeconds] = [2, 10];

export interface BaseRequest {
  /** As the Containerfile spells them. */
  readonly references: readonly string[];
  /** Locks that hold: the old inputs' bases. */
  readonly locked: Readonly<Record<string, string>>;
  readonly updates: "notify" | "rebuild" | "ignore";
  readonly signal: AbortSignal;
  readonly warn: (text: string) => void;
}

/** One for all images of a run: many stand on the same base, and a registry that does not answer is waited for once. */
export class Bases {
  readonly #images: Images;
  readonly #known = new Map<string, Digest>();
  readonly #silent = new Map<string, Failure>();

  constructor(images: Images) {
    this.#images = images;
  }

  /** To be called when this run moved a tag: it may be a base of the next image. */
  forget(): void {
    this.#known.clear();
  }

  async lock(request: BaseRequest): Promise<Record<string, string>> {
    const locks = await Promise.all(request.references.map(async (text) => [text, await this.#lockOne(text, request)] as const));
    return Object.fromEntries(locks.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  async #lockOne(text: string, request: BaseRequest): Promise<string> {
    const reference = parseBase(text);
    if (isPinned(reference)) return reference.digest;
    const locked = request.locked[text];
    if (locked === undefined) return this.#first(text, reference, request);
    if (request.updates === "ignore") return locked;
    const current = await this.#current(text, reference, request);
    if (current === undefined || current === locked) return locked;
    if (request.updates === "rebuild") return current;
    request.warn(`base ${text} has moved since it was locked; set baseUpdates to "rebuild" to follow it`);
    return locked;
  }

  async #first(text: string, reference: ImageReference, { signal }: BaseRequest): Promise<string> {
    const limits = { signal, timeoutSeconds: firstLookupSeconds };
    const digest = this.#known.get(text) ?? (await this.#images.resolve(reference, limits).catch(saysWhatFor));
    if (digest === undefined) throw missingBase(text);
    this.#known.set(text, digest);
    return digest;
  }

  /** Undefined when the registry cannot tell in time: a lock that holds must not make a preview fail. */
  async #current(text: string, reference: ImageReference, { signal, updates, warn }: BaseRequest): Promise<Digest | undefined> {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const trouble = this.#silent.get(reference.registry) ?? (await this.#ask(text, reference, signal));
    if (trouble !== undefined && updates === "rebuild") warn(`base ${text} stays where it was locked: ${trouble.message}`);
    return this.#known.get(text);
  }

  async #ask(text: string, reference: ImageReference, signal: AbortSignal): Promise<Failure | undefined> {
    try {
      const digest = await this.#images.resolve(reference, { signal, timeoutSeconds: lookupSeconds });
      if (digest !== undefined) this.#known.set(text, digest);
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof Failure) || thrown.kind === "bug" || signal.aborted) throw thrown;
      if (thrown.code === "unreachable" || thrown.code === "timeout") this.#silent.set(reference.registry, thrown);
      return thrown;
    }
  }
}

function saysWhatFor(thrown: unknown): never {
  if (!(thrown instanceof Failure) || thrown.kind === "bug" || thrown.code === "cancelled") throw thrown;
  throw retell(thrown, { message: `${thrown.message} The Containerfile builds on it.` });
}

function parseBase(text: string): ImageReference {
  const reference = parseImageReference(text);
  if (reference !== undefined) return reference;
  throw new Failure({
    kind: "input",
    message: `The base image "${text}" names no registry, so it could mean another image on another machine.`,
    fix: "write it in full, as registry/repository:tag.",
  });
}

function missingBase(text: string): Failure {
  return new Failure({
    kind: "input",
    message: `The base image "${text}" does not exist: its registry answered that it has no such tag.`,
    fix: "correct the FROM line, or push the base image first.",
  });
}
