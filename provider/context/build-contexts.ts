/** Reads build contexts: what a build can reach, found by its Containerfile, hashed, and kept in a stat cache. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { compareBytewise } from "../model/bytewise.ts";
import { planBuild, type BuildPlan } from "../model/build-plan.ts";
import { parseContainerfile } from "../model/containerfile.ts";
import type { IgnoreRules } from "../model/ignore-file.ts";
import { hashInstructions } from "../model/instruction-hash.ts";
import { foldSources, hashSources } from "../model/source-map.ts";
import type { BuildContexts, ContextReading, ContextRequest } from "../resources/ports.ts";
import { restless, Vanished } from "./context-failure.ts";
import { contextRoot, readContainerfile, readIgnoreRules, type ContextFile } from "./context-files.ts";
import { walkContext, type Found } from "./context-walk.ts";
import { hashFile } from "./file-hash.ts";
import { Pace } from "./pace.ts";
import { pathKey, shownPath } from "./path-bytes.ts";
import { StatCache } from "./stat-cache.ts";
import { checkSelectors } from "./walk-result.ts";
import { selectorsOf } from "./walk-state.ts";

export interface BuildContextsOptions {
  /** Holds the stat cache in a folder of its own. */
  readonly cacheDirectory: string;
  /** Milliseconds since 1970; tests set it. */
  readonly now?: () => number;
}

export function buildContexts(options: BuildContextsOptions): BuildContexts {
  return { read: (request) => readContext(request, options) };
}

interface Reader {
  readonly request: ContextRequest;
  readonly root: string;
  readonly containerfile: ContextFile;
  readonly plan: BuildPlan;
  readonly rules: IgnoreRules;
  readonly cache: StatCache;
  readonly pace: Pace;
}

async function readContext(request: ContextRequest, options: BuildContextsOptions): Promise<ContextReading> {
  const pace = new Pace(request.signal);
  await pace.rest();
  const root = contextRoot(request.context);
  const containerfile = readContainerfile(root, request.context, request.containerfile);
  const parsed = parseContainerfile(containerfile.text, containerfile.path);
  const plan = planBuild(parsed, request);
  const rules = readIgnoreRules(root, containerfile.path);
  const cache = new StatCache({ directory: join(options.cacheDirectory, "context"), root, now: options.now ?? Date.now });
  const { hashes, remarks } = await readSources({ request, root, containerfile, plan, rules, cache, pace });
  await cache.save();
  return {
    containerfile: containerfile.path,
    containerfileText: containerfile.text,
    sources: foldSources(hashes, containerfile.path),
    sourcesHash: hashSources(hashes),
    instructions: hashInstructions(parsed),
    baseReferences: [...new Set(plan.bases.map(({ reference }) => reference))],
    remarks: [...plan.remarks, ...remarks],
  };
}

interface Sources {
  readonly hashes: ReadonlyMap<string, string>;
  readonly remarks: readonly string[];
}

/** Lists and hashes; once more when a file vanished in between, since an editor that saves may do that. */
async function readSources(reader: Reader): Promise<Sources> {
  try {
    return await tryReadSources(reader);
  } catch (thrown) {
    if (!(thrown instanceof Vanished)) throw thrown;
  }
  try {
    return await tryReadSources(reader);
  } catch (thrown) {
    throw thrown instanceof Vanished ? restless(thrown.path, "vanished") : thrown;
  }
}

async function tryReadSources(reader: Reader): Promise<Sources> {
  const { request, root, containerfile, plan, rules, pace } = reader;
  const selectors = selectorsOf(plan.context, containerfile.path);
  const found = await walkContext({ root, selectors, rules, pace });
  const remarks = checkSelectors(selectors, { file: containerfile.path, root, context: request.context, ignoreFile: rules.file });
  return { hashes: await hashFound(found, reader), remarks: [...remarks, ...otherRemarks(found)] };
}

/** Another kind, another hash: what is hashed begins with the kind and a zero byte. Sorted once, for all who sort again. */
async function hashFound(found: Found, { root, cache, pace, containerfile }: Reader): Promise<ReadonlyMap<string, string>> {
  const hashes = new Map([[containerfile.path, sha256("file\0", containerfile.bytes)]]);
  for (const file of found.files.values()) {
    if (pace.isDue()) await pace.rest();
    const content = cache.find(file.identity) ?? (await hashFile(file, { root, cache, pace }));
    hashes.set(pathKey(file.path), file.isExecutable ? sha256("executable\0", content) : content);
  }
  for (const [path, target] of found.links) hashes.set(pathKey(path), sha256("link\0", pathKey(target)));
  for (const path of found.emptyFolders) hashes.set(`${pathKey(path)}/`, sha256("folder\0", ""));
  return new Map([...hashes].toSorted(([a], [b]) => compareBytewise(a, b)));
}

function otherRemarks({ others }: Found): readonly string[] {
  const [first] = others;
  if (first === undefined) return [];
  const more = others.size === 1 ? "" : ` (nor do ${others.size - 1} others like it)`;
  return [`${shownPath(first)} is no file, folder or link, so it does not count${more}`];
}

function sha256(kind: string, content: string | Uint8Array): string {
  return createHash("sha256").update(kind).update(content).digest("hex");
}
