/** Disks that are only names: their identity is real, their bytes are not. */
import { createHash } from "node:crypto";
import { Failure } from "../../provider/failure.ts";
import type { Digest } from "../../provider/model/digest.ts";
import type { DiskOptions } from "../../provider/model/disk.ts";
import type { Disks } from "../../provider/resources/ports.ts";
import type { Effects } from "./effects.ts";

export function fakeDisks(effects: Effects): Disks & { readonly unfit: Map<Digest, Failure> } {
  const unfit = new Map<Digest, Failure>();
  const identity = (image: Digest, options: DiskOptions): string =>
    createHash("sha256")
      .update(JSON.stringify([image, options]))
      .digest("hex");
  return {
    unfit,
    identity,
    make: async ({ image, options }) => {
      effects.live();
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
  };
}
