/** A content digest as OCI writes it: `sha256:` and 64 hex digits. Source: OCI image spec, descriptor.md. */

export type Digest = `sha256:${string}`;

const pattern = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return pattern.test(text);
}

/** The 64 hex digits behind `sha256:`. */
export function digestHex(digest: Digest): string {
  return digest.slice("sha256:".length);
}

/** For display only: `9f2c41aa08d1…` is the first 12 hex digits. */
export function shortDigest(digest: string): string {
  const hex = digest.includes(":") ? digest.slice(digest.indexOf(":") + 1) : digest;
  return hex.length > 12 ? hex.slice(0, 12) : hex;
}
