/** A registry that does as a test says, an image in it, and a disk that computers share there. */
import { createHash } from "node:crypto";
import { onTestFinished } from "vitest";
import { writeContainersConfig } from "../fakes/docker-registry.ts";
import { startHostileRegistry, type HostileRegistry } from "../fakes/hostile-registry.ts";
import { makeImage } from "../fakes/oci-layout.ts";
import { scratchFolder } from "./scratch.ts";
import { identityOf, openHome, type Home, type SharedImage } from "./sharing-home.ts";

export const held = makeImage();

export interface World {
  readonly registry: HostileRegistry;
  readonly image: SharedImage;
  readonly configHome: string;
  home(): Promise<Home>;
  /** Without what differs from run to run. */
  plain(texts: readonly string[]): readonly string[];
}

export async function openWorld(): Promise<World> {
  const registry = await startHostileRegistry();
  onTestFinished(() => registry.stop());
  registry.hold("team/os", held);
  const configHome = await writeContainersConfig(await scratchFolder(), { host: registry.host });
  const image = { repository: { registry: registry.host, repository: "team/os" }, digest: held.digest };
  return {
    registry,
    image,
    configHome,
    home: async () => openHome(await scratchFolder(), configHome),
    plain: (texts) => texts.map((text) => text.replaceAll(registry.host, "registry.example.com")),
  };
}

export interface Layer {
  digest: string;
  size: number;
  annotations: Record<string, string>;
}

export interface Manifest {
  artifactType: string;
  config: { digest: string; size: number };
  layers: Layer[];
  subject: { digest: string };
}

export interface Artifact {
  readonly manifest: Manifest;
  readonly config: Record<string, unknown>;
}

export function sha256(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** Changes what was published, as somebody who may push there could. */
export function tamper({ registry, image }: World, change: (artifact: Artifact) => void): void {
  const tag = `team/os disk-${identityOf(image).slice(0, 32)}`;
  const manifest = JSON.parse(String(registry.manifests.get(tag)?.bytes)) as Manifest;
  const config = JSON.parse(Buffer.from(registry.blobs.get(`team/os ${manifest.config.digest}`) ?? "").toString()) as Record<
    string,
    unknown
  >;
  change({ manifest, config });
  const configuration = Buffer.from(JSON.stringify(config));
  Object.assign(manifest.config, { digest: sha256(configuration), size: configuration.length });
  registry.blobs.set(`team/os ${manifest.config.digest}`, configuration);
  const changed = Buffer.from(JSON.stringify(manifest));
  const entry = { bytes: changed, mediaType: "application/vnd.oci.image.manifest.v1+json" };
  registry.manifests.set(tag, entry).set(`team/os ${sha256(changed)}`, entry);
}

export function putBlob({ registry }: World, layer: Layer | undefined, content: Buffer): void {
  Object.assign(layer ?? {}, { digest: sha256(content), size: content.length });
  registry.blobs.set(`team/os ${sha256(content)}`, content);
}

export function configOf({ registry, image }: World): string {
  const tag = registry.manifests.get(`team/os disk-${identityOf(image).slice(0, 32)}`);
  return (JSON.parse(String(tag?.bytes)) as Manifest).config.digest;
}
