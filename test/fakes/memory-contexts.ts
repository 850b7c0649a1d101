/** Build contexts that are only texts, read by the provider's own rules for Containerfiles; every file counts. */
import { createHash } from "node:crypto";
import { Failure } from "../../provider/failure.ts";
import { planBuild } from "../../provider/model/build-plan.ts";
import { parseContainerfile } from "../../provider/model/containerfile.ts";
import { hashInstructions } from "../../provider/model/instruction-hash.ts";
import { foldSources, hashSources } from "../../provider/model/source-map.ts";
import type { BuildContexts, ContextReading, ContextRequest } from "../../provider/resources/ports.ts";
import type { Effects } from "./effects.ts";

export class MemoryContexts implements BuildContexts {
  /** Folder to path to text. */
  readonly folders = new Map<string, Map<string, string>>();
  remarks: readonly string[] = [];
  /** How often a context was read. */
  count = 0;
  readonly #effects: Effects;

  constructor(effects: Effects) {
    this.#effects = effects;
  }

  write(folder: string, files: Readonly<Record<string, string>>): void {
    this.folders.set(folder, new Map([...(this.folders.get(folder) ?? []), ...Object.entries(files)]));
  }

  async read(request: ContextRequest): Promise<ContextReading> {
    await Promise.resolve();
    this.#effects.live();
    this.count += 1;
    const files = this.folders.get(request.context);
    if (files === undefined) throw new Failure({ kind: "input", message: `context "${request.context}" does not exist.` });
    const containerfile = request.containerfile ?? "Containerfile";
    const containerfileText = files.get(containerfile) ?? "";
    const parsed = parseContainerfile(containerfileText, containerfile);
    const hashes = new Map([...files].map(([path, text]) => [path, createHash("sha256").update(text).digest("hex")]));
    return {
      containerfile,
      containerfileText,
      sources: foldSources(hashes, containerfile),
      sourcesHash: hashSources(hashes),
      instructions: hashInstructions(parsed),
      baseReferences: [...new Set(planBuild(parsed, request).bases.map(({ reference }) => reference))],
      remarks: this.remarks,
    };
  }
}
