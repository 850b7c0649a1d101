/** Disks that are only names: their identity is real, their bytes are not. */
import { createHash } from "node:crypto";
import { Failure } from "../../provider/failure.ts";
import type { Digest } from "../../provider/model/digest.ts";
import type { DiskOptions } from "../../provider/model/disk.ts";
import type { ImageFacts } from "../../provider/model/image-check-facts.ts";
import type { Disks } from "../../provider/resources/ports.ts";
import type { Effects } from "./effects.ts";

export interface FakeDisks extends Disks {
  readonly unfit: Map<Digest, Failure>;
  /** What is seen in an image. */
  readonly facts: Map<Digest, ImageFacts>;
}

export function fakeDisks(effects: Effects): FakeDisks {
  const unfit = new Map<Digest, Failure>();
  const facts = new Map<Digest, ImageFacts>();
  const identity = (image: Digest, options: DiskOptions): string =>
    createHash("sha256")
      .update(JSON.stringify([image, options]))
      .digest("hex");
  return {
    unfit,
    facts,
    identity,
    make: async ({ image, options, inspect }) => {
      effects.live();
      const seen = facts.get(image.digest);
      if (seen !== undefined) inspect?.(seen);
      const failure = unfit.get(image.digest);
      if (failure !== undefined) throw failure;
      await Promise.resolve();
      return { identity: identity(image.digest, options), path: "/cache/disk.raw", sizeBytes: 1, digest: image.digest };
    },
    export: () => {
      throw new Failure({ kind: "bug", message: "These disks have no bytes." });
    },
    published: () => Promise.resolve(undefined),
    unpublish: () => Promise.resolve(),
    bootLoader: () => Promise.resolve({ refused: "is not there" }),
  };
}
