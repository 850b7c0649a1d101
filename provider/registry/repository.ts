/** What a registry's repository and the local store have in common, so that everything above is written once. */
import type { Digest } from "../model/digest.ts";
import type { OnProgress } from "../resources/ports.ts";
import type { Content } from "./layout.ts";
import type { Descriptor, Document } from "./manifest.ts";
import type { Task } from "./trouble.ts";

/** Where images are read from. */
export interface Source {
  /** What a tag or digest means; undefined on a definite "not found". */
  resolve(target: string, task: Task): Promise<Digest | undefined>;
  /** Verified; undefined on a definite "not found". */
  document(digest: Digest, task: Task): Promise<Document | undefined>;
  /** Makes sure that the store holds a blob. */
  ensure(blob: Descriptor, task: Task, onBytes?: (count: number) => void): Promise<void>;
}

/** Where images are kept. */
export interface Repository extends Source {
  /** Takes over all blobs and manifests that are missing, then points the tags at the root. */
  publish(content: Content, tags: readonly string[], way: { readonly task: Task; readonly onProgress: OnProgress }): Promise<void>;
  tag(document: Document, tags: readonly string[], task: Task): Promise<void>;
  remove(digest: Digest, task: Task): Promise<void>;
  /** Undefined on a definite "not found". */
  tags(task: Task): Promise<readonly string[] | undefined>;
}
