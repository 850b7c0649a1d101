/** Images over a store of their own, with the registries' settings of a test and nobody else's. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { describeFailure, Failure } from "../../provider/failure.ts";
import { images, type ImagesOptions, type RegistryImages } from "../../provider/registry/images.ts";
import type { ImageReference } from "../../provider/model/image-reference.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { writeContainersConfig } from "../fakes/docker-registry.ts";
import { startHostileRegistry, type HostileRegistry } from "../fakes/hostile-registry.ts";
import type { MadeImage } from "../fakes/oci-layout.ts";
import { writeLayout } from "../fakes/oci-layout.ts";

export const never = new AbortController().signal;
export const amd64 = { os: "linux", architecture: "amd64" };

export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bootable-images-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Retries at once: what is tested is that they happen, not how long they wait. */
const quick = { firstDelaySeconds: 0.001 };

export async function imagesIn(configHome: string, options: Partial<ImagesOptions> = {}): Promise<RegistryImages> {
  const folder = await scratchFolder();
  return images({
    storeDirectory: join(folder, "store"),
    runProgram,
    ...options,
    environment: { PATH: process.env["PATH"], HOME: folder, XDG_CONFIG_HOME: configHome, XDG_RUNTIME_DIR: folder, ...options.environment },
    patience: { ...quick, ...options.patience },
  });
}

export interface Hostile {
  readonly registry: HostileRegistry;
  readonly images: RegistryImages;
  readonly repository: ImageReference;
  readonly folder: string;
}

/** A registry in memory that is configured insecure, and images that use it. */
export async function hostile(
  options: Partial<ImagesOptions> & { readonly login?: { readonly username: string; readonly password: string } } = {},
): Promise<Hostile> {
  const registry = await startHostileRegistry();
  onTestFinished(() => registry.stop());
  const folder = await scratchFolder();
  const configHome = await writeContainersConfig(folder, {
    host: registry.host,
    ...(options.login === undefined ? {} : { login: options.login }),
  });
  return { registry, folder, repository: { registry: registry.host, repository: "team/os" }, images: await imagesIn(configHome, options) };
}

export async function layoutOf(image: MadeImage): Promise<string> {
  return writeLayout(join(await scratchFolder(), "layout"), image);
}

/** The whole message that a person would read, with the changing parts of this run replaced. */
export async function messageOf(work: Promise<unknown>, replace: Readonly<Record<string, string>> = {}): Promise<string> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(Failure);
  const text = describeFailure(thrown as Failure);
  return Object.entries(replace).reduce((rest, [from, to]) => rest.replaceAll(from, to), text);
}

export async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
