/** `inputHash`: the one value that decides whether an Image is built again, and the tag that it is found under. */
import { createHash } from "node:crypto";
import { Failure } from "../failure.ts";
import { compareBytewise } from "./bytewise.ts";

/** Everything that makes another image. Secrets count by name: their values may change without one. */
export interface HashedInputs {
  /** File or folder to hash, final: derived or set by the user. */
  readonly sources: Readonly<Record<string, string>>;
  /** Base reference to digest, final. */
  readonly bases: Readonly<Record<string, string>>;
  readonly containerfileText: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly platforms: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly secretNames: readonly string[];
}

/** How an input hash is computed. A new scheme gets a new number; old ones stay, so that an upgrade rebuilds nothing. */
export const currentScheme = 1;

const hashPattern = /^([1-9][0-9]*):([0-9a-f]{64})$/;

/** `<scheme>:<64 hex digits>`. */
export function inputHash(inputs: HashedInputs, scheme: number = currentScheme): string {
  if (scheme !== 1) throw unknownScheme(scheme);
  return `1:${sha256(canonicalJson(schemeOne(inputs)))}`;
}

/** The scheme that a hash was computed by; undefined when the text is no input hash of ours (a user may set any text). */
export function schemeOf(hash: string): number | undefined {
  const scheme = hashPattern.exec(hash)?.[1];
  return scheme === undefined ? undefined : Number(scheme);
}

/** `in-` and 32 hex digits; a hash set by a user is hashed to get them. */
export function inTag(hash: string): string {
  return `in-${(hashPattern.exec(hash)?.[2] ?? sha256(hash)).slice(0, 32)}`;
}

function schemeOne(inputs: HashedInputs): unknown {
  return {
    bases: inputs.bases,
    buildArgs: inputs.buildArgs,
    containerfile: sha256(inputs.containerfileText),
    labels: inputs.labels,
    platforms: sortedSet(inputs.platforms),
    secrets: sortedSet(inputs.secretNames),
    sources: inputs.sources,
    target: inputs.target ?? "",
  };
}

/** JSON with keys in bytewise order and no spaces: one text per value. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => compareBytewise(a, b));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(",")}}`;
}

function sortedSet(values: readonly string[]): readonly string[] {
  return [...new Set(values)].toSorted(compareBytewise);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function unknownScheme(scheme: number): Failure {
  return new Failure({
    kind: "input",
    message: `The stack's inputHash was computed by scheme ${scheme}, and this version of the bootable provider knows scheme 1 only.`,
    fix: "use the version of the provider that last updated this stack, or a newer one.",
  });
}
