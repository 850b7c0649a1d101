/** A registry in memory that can describe images; nothing can be pulled from it. */
import { Failure } from "../../provider/failure.ts";
import type { Digest } from "../../provider/model/digest.ts";
import type { ImageDescription, Images } from "../../provider/resources/ports.ts";

export function fakeImages(known: readonly Digest[]): Images & { readonly descriptions: Map<Digest, ImageDescription> } {
  const descriptions = new Map(
    known.map((digest): [Digest, ImageDescription] => [
      digest,
      { digest, platformDigests: { "linux/amd64": digest }, sizeBytes: 1, labels: {} },
    ]),
  );
  const none = (): never => {
    throw new Failure({ kind: "bug", message: "This registry can only describe." });
  };
  return {
    descriptions,
    describe: ({ digest }) => Promise.resolve(descriptions.get(digest)),
    resolve: none,
    open: none,
    publish: none,
    tag: none,
    remove: none,
  };
}
