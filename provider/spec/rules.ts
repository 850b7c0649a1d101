/** Types for values that follow a rule of the field: sizes, platforms, ports, names, references. */
import { parseByteSize } from "../model/byte-size.ts";
import { isDigest } from "../model/digest.ts";
import { isPinned, localRegistry, parseImageReference } from "../model/image-reference.ts";
import { parsePlatform } from "../model/platform.ts";
import { integer, integerOrString, number, string, type IntegerOrStringType, type NumberType, type StringType } from "./property.ts";

/** `10GiB` */
export const byteSize: StringType = string((text) =>
  parseByteSize(text) === undefined ? "is no size; write a number and one of B, KiB, MiB, GiB and TiB, such as 10GiB" : undefined,
);

/** `linux/amd64` */
export const platform: StringType = string((text) =>
  parsePlatform(text) === undefined ? "is no platform; write system and architecture, such as linux/amd64" : undefined,
);

/** `repository@sha256:digest` */
export const pinnedImage: StringType = string((text) => {
  const reference = parseImageReference(text);
  if (reference === undefined) return "is no image reference; write registry/repository@sha256:<digest>, or use the ref of an Image";
  return isPinned(reference) ? undefined : "can mean another image tomorrow; pin it as registry/repository@sha256:<digest>";
});

/** `sha256:` and 64 hex digits. */
export const digest: StringType = string((text) =>
  isDigest(text) ? undefined : "is no digest; write sha256: and 64 hex digits in lower case",
);

/** What updates follow: `registry/repository:tag`, or with a digest. */
export const followedImage: StringType = string((text) => {
  const reference = parseImageReference(text);
  const followed = reference !== undefined && (reference.tag ?? reference.digest) !== undefined && reference.registry !== localRegistry;
  return followed ? undefined : "is no image that a machine could follow; write registry/repository with a tag or a digest";
});

/** Names of machines and of things on them: they become host names, file names and parts of paths. */
export const hostName: StringType = string((text) => hostNameReason(text));

export function hostNameReason(text: string): string | undefined {
  const fits = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
  return fits ? undefined : "is no name for a machine; use 1 to 63 lower-case letters, digits and inner dashes, such as web-1";
}

export const port: NumberType = integer((value) => (value >= 1 && value <= 65_535 ? undefined : "is no port; write 1 to 65535"));

export function integerFrom(least: number): NumberType {
  return integer((value) => (value >= least ? undefined : `is too small; write ${least} or more`));
}

/** Seconds, with a fraction where that is wanted. */
export function secondsFrom(least: number): NumberType {
  return number((value) => (value >= least ? undefined : `is too short; write ${least} or more seconds`));
}

/** `2` or `"20%"`; never nothing at all. */
export const countOrShare: IntegerOrStringType = integerOrString((value) => {
  const share = typeof value === "string" ? Number(/^([0-9]{1,3})%$/.exec(value)?.[1] ?? 0) : undefined;
  const fits = share === undefined ? Number(value) >= 1 : share >= 1 && share <= 100;
  return fits ? undefined : 'would let no host move; write a number from 1, or a share from "1%" to "100%"';
});

/** One word of the kernel's command line; boot loaders split at blanks. */
export const kernelArgument: StringType = string((text) =>
  /^[^\s"']+$/.test(text) ? undefined : "has blanks or quotes; write one kernel argument per entry",
);

/** One line of an authorized_keys file. */
export const sshPublicKey: StringType = string((text) =>
  /^(?:ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+(?: [^\n]*)?$/.test(text)
    ? undefined
    : "is no public SSH key; give one line of an authorized_keys file",
);
