/** The blobs of an OCI layout, the image store's above all: each file in `blobs/sha256` is whole and verified, or absent. */
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Failure } from "../failure.ts";
import { digestHex, type Digest } from "../model/digest.ts";
import { writeAtomically } from "../storage/atomic-file.ts";
import { makeOwnFolder } from "../storage/own-folder.ts";
import { readBody } from "./exchange.ts";
import { maxConfigurationBytes } from "./manifest.ts";
import { throwIfCancelled, type Task } from "./trouble.ts";
import { verified, type About, type Expected } from "./verified.ts";

const chunkBytes = 1024 ** 2;

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

export class Store {
  readonly directory: string;
  readonly blobs: string;

  /** What is broken in our own store is removed, and so comes again; a builder's layout is left as it is. */
  readonly #isOurs: boolean;

  constructor(directory: string, kind: "store" | "layout" = "store") {
    this.#isOurs = kind === "store";
    this.directory = directory;
    this.blobs = join(directory, "blobs", "sha256");
  }

  path(digest: Digest): string {
    return join(this.blobs, digestHex(digest));
  }

  /** A blob of another size than expected is not there. */
  async has(expected: Expected): Promise<boolean> {
    try {
      const found = await stat(this.path(expected.digest));
      return found.isFile() && (expected.sizeBytes === undefined || found.size === expected.sizeBytes);
    } catch (error) {
      if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return false;
      throw error;
    }
  }

  /** Marks a blob as in use now, which keeps it from being evicted for a day. */
  async touch(digest: Digest): Promise<void> {
    const now = new Date();
    await utimes(this.path(digest), now, now).catch(() => undefined);
  }

  /** Stores what `source` brings when it is what was expected; else nothing stays. */
  async put(expected: Expected, source: AsyncIterable<Uint8Array>, from: { readonly about: About; readonly task: Task }): Promise<void> {
    await this.prepare();
    try {
      await writeAtomically(this.path(expected.digest), async (partial) => {
        const sink = createWriteStream(partial, { flags: "wx", mode: 0o600 });
        await pipeline(verified(source, expected, from.about), sink, { signal: from.task.signal });
      });
    } catch (error) {
      throwIfCancelled(from.task);
      throw this.#explain(error);
    }
  }

  #explain(error: unknown): unknown {
    if (!hasCode(error, "ENOSPC") && !hasCode(error, "EDQUOT")) return error;
    return new Failure({
      kind: "environment",
      code: "disk-full",
      message: `The disk under the image store ${this.directory} is full. What was being written to it was removed.`,
      fix: "make room there, or set XDG_DATA_HOME to a folder on a larger disk.",
      cause: error,
    });
  }

  /** Makes the layout's folders; only the user may look into them. */
  async prepare(): Promise<void> {
    await makeOwnFolder({ path: this.directory, holds: "Images", variable: "XDG_DATA_HOME" });
    await mkdir(this.blobs, { recursive: true });
    await writeFile(join(this.directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}\n', { flag: "wx" }).catch((error: unknown) => {
      if (!hasCode(error, "EEXIST")) throw this.#explain(error);
    });
  }

  /** A small blob, verified. Undefined when it is not there, or is too large to be what is asked for. */
  async read(expected: Expected): Promise<Buffer | undefined> {
    if (!(await this.has(expected))) return undefined;
    try {
      return await readBody(
        this.stream(expected, async () => undefined),
        maxConfigurationBytes,
      );
    } catch (error) {
      // Another process removed it since we looked.
      if (hasCode(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  /** A blob's bytes for someone who verifies them. */
  rawStream(digest: Digest): Readable {
    return createReadStream(this.path(digest), { highWaterMark: chunkBytes });
  }

  /** A blob's bytes, verified while they are read. `ensure` brings the blob when it is not there (any more). */
  stream(expected: Expected, ensure: () => Promise<void>): Readable {
    return Readable.from(this.#bytes(expected, ensure), { objectMode: false, highWaterMark: chunkBytes });
  }

  async *#bytes(expected: Expected, ensure: () => Promise<void>): AsyncGenerator<Uint8Array> {
    const file = await this.#openEnsured(expected.digest, ensure);
    const aftermath = this.#isOurs ? "It was removed, so that the next run gets it again." : "Nothing was done with it.";
    const fix = this.#isOurs ? "run pulumi up again; when it happens often, check this computer's memory and disk." : "build again.";
    const about = { what: `The file ${this.path(expected.digest)}`, aftermath, fix };
    try {
      yield* verified(file.createReadStream({ highWaterMark: chunkBytes, autoClose: false }), expected, about);
    } catch (error) {
      if (this.#isOurs && error instanceof Failure && error.code === "wrong-digest") await rm(this.path(expected.digest), { force: true });
      throw error;
    } finally {
      await file.close();
    }
  }

  /** Another process may evict a blob between making sure of it and opening it. */
  async #openEnsured(digest: Digest, ensure: () => Promise<void>) {
    await ensure();
    try {
      return await open(this.path(digest), "r");
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
      await ensure();
      return await open(this.path(digest), "r");
    }
  }
}
