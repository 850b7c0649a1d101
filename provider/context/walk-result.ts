/** Whether every COPY, ADD and bind mount found what it takes. */
import { containerfileFailure } from "../model/containerfile-failure.ts";
import type { Failure } from "../failure.ts";
import { statOf } from "./link-target.ts";
import { shownPath } from "./path-bytes.ts";
import type { Selector } from "./walk-state.ts";

export interface WalkedContext {
  /** The Containerfile's path. */
  readonly file: string;
  /** Absolute. */
  readonly root: string;
  /** As the user names it. */
  readonly context: string;
  readonly ignoreFile: string;
}

/** Remarks about wildcards that match nothing; throws for a name that is not there. */
export function checkSelectors(selectors: readonly Selector[], walked: WalkedContext): readonly string[] {
  const missing = selectors.filter(({ found }) => !found);
  const named = missing.find((selector) => !hasWildcard(selector));
  if (named !== undefined) throw missingSource(named, walked);
  return missing.map(({ use, source }) => {
    const place = `${walked.file} line ${use.line}: nothing that counts in the context matches "${source.text}"`;
    return `${place}; docker copies nothing then, podman and buildah refuse`;
  });
}

function hasWildcard({ names }: Selector): boolean {
  return names.some((name) => name === "**" || name.literal === undefined);
}

function missingSource(selector: Selector, { file, root, context, ignoreFile }: WalkedContext): Failure {
  const { use, source, hiddenBy, brokenLink, names } = selector;
  const place = { file, line: use.line };
  const path = names.map((name) => (name === "**" ? name : name.literal)).join("/");
  if (hiddenBy !== undefined && statOf(`${root}/${path}`, path) !== undefined) {
    return containerfileFailure(
      place,
      `${use.text}: "${source.text}" is in context "${context}", but ${ignoreFile} line ${hiddenBy.line} ("${hiddenBy.text}") hides it`,
      `take that pattern out of ${ignoreFile}, or add one below it that begins with "!".`,
    );
  }
  if (brokenLink !== undefined) {
    return containerfileFailure(
      place,
      `${use.text}: "${source.text}" is a link to ${shownPath(brokenLink)}, which is not in context "${context}"`,
      "builders do not leave the context; put what the link leads to inside it.",
    );
  }
  return containerfileFailure(
    place,
    `${use.text}: nothing in context "${context}" matches "${source.text}"`,
    "make it there, or correct the path, which starts at the root of the context.",
  );
}
