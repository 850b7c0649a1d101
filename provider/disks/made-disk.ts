/** A disk that was just made, in the private folder of whoever made it. */
import type { Digest } from "../model/digest.ts";
import type { ImageFacts } from "../model/image-check-facts.ts";

export interface MadeDisk {
  readonly path: string;
  /** Of the raw bytes. */
  readonly digest: Digest;
  /** What was seen in the image; left out by engines that do not look. */
  readonly facts?: ImageFacts;
  /** Left out by engines whose bytes are not ours. */
  readonly layoutVersion?: number;
}
