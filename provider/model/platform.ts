/** Platforms as OCI writes them: `os/architecture[/variant]`. Source: OCI image spec, image-index.md. */
import type { Digest } from "./digest.ts";

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

const architectures: Readonly<Record<string, string>> = {
  x64: "amd64",
  arm64: "arm64",
  arm: "arm",
  ppc64: "ppc64le",
  s390x: "s390x",
  riscv64: "riscv64",
};

export function parsePlatform(text: string): Platform | undefined {
  const [os, architecture, variant, ...more] = text.split("/");
  if (!os || !architecture || variant === "" || more.length > 0) return undefined;
  if (![os, architecture, variant ?? "x"].every((part) => /^[a-z0-9._-]+$/.test(part))) return undefined;
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter((part) => part !== undefined).join("/");
}

/** The Linux platform of a machine, from Node's name of its architecture. */
export function platformOf(nodeArchitecture: string): Platform {
  return { os: "linux", architecture: architectures[nodeArchitecture] ?? nodeArchitecture };
}

/** Equal but for a variant that only one of both names (arm64 and arm64/v8 are one platform). */
export function samePlatform(a: Platform, b: Platform): boolean {
  const sameVariant = a.variant === undefined || b.variant === undefined || a.variant === b.variant;
  return a.os === b.os && a.architecture === b.architecture && sameVariant;
}

/** The manifest for a platform, among the manifests of an image by their platforms. */
export function manifestFor(platformDigests: Readonly<Record<string, Digest>>, wanted: Platform): Digest | undefined {
  return Object.entries(platformDigests).find(([name]) => {
    const offered = parsePlatform(name);
    return offered !== undefined && samePlatform(offered, wanted);
  })?.[1];
}
