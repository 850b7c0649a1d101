/** A builder that puts everything that a build may depend on into one layer: same inputs, same digest. */
import type { Failure } from "../../provider/failure.ts";
import type { BuildRequest, Builders } from "../../provider/resources/ports.ts";
import type { Effects } from "./effects.ts";
import type { MemoryContexts } from "./memory-contexts.ts";
import { makeImage, makeIndex, writeLayout } from "./oci-layout.ts";

export class MemoryBuilders implements Builders {
  readonly requests: BuildRequest[] = [];
  failure: Failure | undefined;
  /** Runs in the middle of each build. */
  meanwhile: () => void = () => {};
  readonly #contexts: MemoryContexts;
  readonly #effects: Effects;

  constructor(contexts: MemoryContexts, effects: Effects) {
    this.#contexts = contexts;
    this.#effects = effects;
  }

  async build(request: BuildRequest): Promise<void> {
    this.#effects.live();
    this.requests.push(request);
    if (this.failure !== undefined) throw this.failure;
    const { containerfileText, buildArgs, target, platforms, labels } = request;
    const files = [...(this.#contexts.folders.get(request.context) ?? [])];
    const images = platforms.map((platform) => {
      const architecture = platform.split("/")[1] ?? "amd64";
      const layer = JSON.stringify({ platform, containerfileText, buildArgs, target, files });
      return [architecture, makeImage({ layers: [Buffer.from(layer)], architecture, labels })] as const;
    });
    const [first] = images;
    if (first === undefined) throw new Error("a build without a platform");
    this.meanwhile();
    await writeLayout(request.layoutDirectory, images.length === 1 ? first[1] : makeIndex(Object.fromEntries(images)));
    request.onLine("STEP 1/1: COPY . /");
    this.#effects.happened("build");
  }
}
