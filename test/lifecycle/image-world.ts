/** An Image in a world of memory: a context, a builder, a registry, and bases that it starts from. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { describeFailure, Failure } from "../../provider/failure.ts";
import { image } from "../../provider/resources/image.ts";
import type { ValueMap } from "../../provider/spec/value.ts";
import { withTemporaryFolder } from "../../provider/storage/temporary-folder.ts";
import { Effects } from "../fakes/effects.ts";
import { MemoryBuilders } from "../fakes/memory-builders.ts";
import { MemoryContexts } from "../fakes/memory-contexts.ts";
import { MemoryImages } from "../fakes/memory-images.ts";
import { makeImage, writeLayout, type MadeImage } from "../fakes/oci-layout.ts";
import { Lifecycle, type Run } from "./harness.ts";

const never = new AbortController().signal;
export const team = { registry: "registry.example.com", repository: "team/os" };
export const debian = "quay.io/os/debian:13";
export const baseOne = makeImage({ labels: { base: "1" } });
export const baseTwo = makeImage({ labels: { base: "2" } });

/** What a registry that asks for a login answers, in the words of the registry room. */
export const unauthorized = new Failure({
  kind: "remote",
  code: "unauthorized",
  message: "Could not tell whether image registry.example.com/team/os@sha256:9f2c… still exists: the registry answered 401.",
  fix: 'log in with "podman login registry.example.com".',
});

export const unreachable = new Failure({
  kind: "remote",
  code: "unreachable",
  message: "Could not look up image quay.io/os/debian:13: nothing answers at quay.io (connection refused), in 4 attempts.",
  fix: "check that quay.io is the registry's name and port and that it is up.",
});

export class ImageWorld {
  readonly effects = new Effects();
  readonly images = new MemoryImages(this.effects);
  readonly contexts = new MemoryContexts(this.effects);
  readonly builders = new MemoryBuilders(this.contexts, this.effects);
  readonly folder: string;
  web: Lifecycle;

  constructor(folder: string) {
    this.folder = folder;
    this.contexts.write("./os", {
      Containerfile: `FROM ${debian}\nRUN apt-get install nginx\nCOPY www /srv/www\n`,
      "www/index.html": "one",
      "www/style.css": "one",
    });
    this.web = this.other("web");
  }

  /** Another resource of the same provider process as nobody else's: as a colleague's, or in the next run. */
  other(name: string): Lifecycle {
    const { images, contexts, builders, effects } = this;
    const withFolder = <T>(purpose: string, work: (folder: string) => Promise<T>): Promise<T> =>
      withTemporaryFolder(join(this.folder, "work"), purpose, work);
    return new Lifecycle(image({ images, contexts, builders, withFolder }), { name, effects });
  }

  /** A new provider process for the same stack. */
  restart(): void {
    const { stored, name, ignoreChanges } = this.web;
    this.web = Object.assign(this.other(name), { stored, ignoreChanges });
  }

  async moveBase(to: MadeImage): Promise<void> {
    const [registry = "", repository = "", tag = ""] = debian.split(/(?<=io)\/|:/);
    const layoutDirectory = await writeLayout(await mkdtemp(join(this.folder, "base-")), to);
    await this.images.publish({ layoutDirectory, repository: { registry, repository }, tags: [tag], signal: never, onProgress: () => {} });
  }

  /** Folders that builds left behind. */
  async leftovers(): Promise<readonly string[]> {
    return readdir(join(this.folder, "work")).catch(() => []);
  }
}

export async function openWorld(): Promise<ImageWorld> {
  const folder = await mkdtemp(join(tmpdir(), "bootable-image-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const world = new ImageWorld(folder);
  await world.moveBase(baseOne);
  world.effects.take();
  return world;
}

export function program(rest: ValueMap = {}): ValueMap {
  return { context: "./os", repository: "registry.example.com/team/os", ...rest };
}

export function told(run: Run): string {
  return run.failure === undefined ? "" : describeFailure(run.failure);
}
