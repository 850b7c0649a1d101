/** Walks a context and finds what the build can reach: files, links, and folders that nothing else stands for. */
import type { BigIntStats } from "node:fs";
import { judge, judgePath, mayBringBack, type IgnoreRules, type Matches, type Verdict } from "../model/ignore-file.ts";
import { readingFailure, Vanished } from "./context-failure.ts";
import { foundFile, type FoundFile } from "./file-hash.ts";
import { followLink, statOf, type LinkTarget } from "./link-target.ts";
import type { Pace } from "./pace.ts";
import { listFolder, readLink, type Child } from "./path-bytes.ts";
import { advance, isExcluded, literalNames, settle, type Cover, type Selector, type Step, type Taken } from "./walk-state.ts";

export interface WalkRequest {
  /** Absolute. */
  readonly root: string;
  readonly selectors: readonly Selector[];
  readonly rules: IgnoreRules;
  readonly pace: Pace;
}

export interface Found {
  readonly files: ReadonlyMap<string, FoundFile>;
  /** Path to target. */
  readonly links: ReadonlyMap<string, string>;
  /** Without anything in them that counts. */
  readonly emptyFolders: ReadonlySet<string>;
  /** Sockets, pipes and devices: no builder makes a file of them that could be compared. */
  readonly others: ReadonlySet<string>;
}

/** Also notes in each selector whether it took something, and what hides what it did not take. */
export async function walkContext(request: WalkRequest): Promise<Found> {
  const walk = new Walk(request);
  const whole = request.selectors.filter(({ names }) => names.length === 0);
  for (const selector of whole) selector.found = true;
  const steps = request.selectors.filter(({ names }) => names.length > 0).map((selector) => ({ selector, at: 0 }));
  await walk.folder("", {
    covers: whole.map((selector) => ({ selector, base: "" })),
    steps: settle(steps),
    matches: request.rules.rules.map(() => false),
  });
  return walk;
}

interface Here {
  readonly covers: readonly Cover[];
  readonly steps: readonly Step[];
  readonly matches: Matches;
}

interface Met {
  readonly path: string;
  readonly kind: Child["kind"];
  readonly stat?: BigIntStats;
  readonly covers: readonly Cover[];
  readonly taken: Taken;
  readonly verdict: Verdict;
}

class Walk implements Found {
  readonly files = new Map<string, FoundFile>();
  readonly links = new Map<string, string>();
  readonly emptyFolders = new Set<string>();
  readonly others = new Set<string>();
  readonly #request: WalkRequest;

  constructor(request: WalkRequest) {
    this.#request = request;
  }

  /** True when something in the folder counts. */
  async folder(path: string, here: Here): Promise<boolean> {
    const { pace, rules } = this.#request;
    let counts = false;
    for (const { name, kind } of this.#children(path, here)) {
      if (pace.isDue()) await pace.rest();
      const at = path === "" ? name : `${path}/${name}`;
      const taken = advance(here.steps, name, at);
      const covers = taken.covers.length === 0 ? here.covers : [...here.covers, ...taken.covers];
      if (covers.length === 0 && taken.steps.length === 0) continue;
      const verdict = judge(rules, at, here.matches);
      const outcome = this.#meet({ path: at, ...(kind === "unknown" ? this.#lookAt(at) : { kind }), covers, taken, verdict });
      counts = (typeof outcome === "boolean" ? outcome : await outcome) || counts;
    }
    return counts;
  }

  /** Most of what is met are files, and a promise for each would cost as much as its stat. */
  #meet(met: Met): boolean | Promise<boolean> {
    const { kind, taken, verdict } = met;
    if (kind === "unknown") return false;
    if (verdict.ignored) note([...taken.covers, ...taken.steps], verdict);
    if (kind === "folder") return this.#meetFolder(met);
    if (verdict.ignored) return false;
    const isNamed = taken.covers.length + taken.followed.length > 0;
    return kind === "link" && isNamed ? this.#follow(met).then(() => this.#take(met)) : this.#take(met);
  }

  #take({ path, kind, stat, covers }: Met): boolean {
    const active = covers.filter((cover) => !isExcluded(cover, path));
    if (active.length === 0) return false;
    for (const { selector } of active) if (kind !== "link" || selector.brokenLink === undefined) selector.found = true;
    if (kind === "link") this.links.set(path, this.#read(path, readLink));
    else if (kind === "other") this.others.add(path);
    else this.#addFile(path, stat);
    return true;
  }

  async #meetFolder({ path, covers, taken, verdict }: Met): Promise<boolean> {
    if (verdict.ignored && !mayBringBack(this.#request.rules, path)) return false;
    const active = verdict.ignored ? [] : covers.filter((cover) => !isExcluded(cover, path));
    const reach = covers.filter((cover) => active.includes(cover) || verdict.ignored || mayBringBack(cover.selector.excludes, path));
    for (const { selector } of active) selector.found = true;
    const counts = await this.folder(path, { covers: reach, steps: settle(taken.steps), matches: verdict.matches });
    if (counts || active.length === 0) return counts;
    this.emptyFolders.add(path);
    return true;
  }

  /** A link that a source names is followed; a link inside a folder that a source takes is copied as it is. */
  async #follow({ path, taken }: Met): Promise<void> {
    const target = followLink(this.#request.root, path);
    if (target === undefined) {
      for (const { selector } of taken.covers) selector.brokenLink = this.#read(path, readLink);
      return;
    }
    this.links.set(path, this.#read(path, readLink));
    const verdict = target.path === "" ? this.#nothingYet() : judgePath(this.#request.rules, target.path);
    if (verdict.ignored) note([...taken.covers, ...taken.followed], verdict);
    const covers = taken.covers.map(({ selector }) => ({ selector, base: target.path }));
    if (target.stat.isDirectory()) await this.#followToFolder(target, { covers, steps: settle(taken.followed), verdict });
    else if (!verdict.ignored && target.stat.isFile() && covers.length > 0) this.#addFile(target.path, target.stat);
  }

  async #followToFolder(target: LinkTarget, at: { covers: readonly Cover[]; steps: readonly Step[]; verdict: Verdict }): Promise<void> {
    const { covers, steps, verdict } = at;
    if (verdict.ignored && !mayBringBack(this.#request.rules, target.path)) return;
    const counts = await this.folder(target.path, { covers, steps, matches: verdict.matches });
    if (!counts && covers.length > 0 && !verdict.ignored && target.path !== "") this.emptyFolders.add(target.path);
  }

  #nothingYet(): Verdict {
    return { ignored: false, matches: this.#request.rules.rules.map(() => false) };
  }

  #children(path: string, here: Here): readonly Child[] {
    const names = here.covers.length === 0 ? literalNames(here.steps) : undefined;
    if (names === undefined) return this.#read(path, listFolder);
    return names.map((name) => ({ name, kind: "unknown" }));
  }

  /** What the listing does not tell, `lstat` does; a name that is not there is of kind `unknown` still. */
  #lookAt(path: string): { readonly kind: Child["kind"]; readonly stat?: BigIntStats } {
    const stat = statOf(`${this.#request.root}/${path}`, path);
    if (stat === undefined) return { kind: "unknown" };
    if (stat.isFile()) return { kind: "file", stat };
    if (stat.isDirectory()) return { kind: "folder", stat };
    return { kind: stat.isSymbolicLink() ? "link" : "other", stat };
  }

  #addFile(path: string, known: BigIntStats | undefined): void {
    if (this.files.has(path)) return;
    const stat = known ?? statOf(`${this.#request.root}/${path}`, path);
    if (stat === undefined) throw new Vanished(path);
    if (stat.isFile()) this.files.set(path, foundFile(path, stat));
    else throw new Vanished(path);
  }

  #read<T>(path: string, read: (diskPath: string) => T): T {
    try {
      return read(path === "" ? this.#request.root : `${this.#request.root}/${path}`);
    } catch (thrown) {
      throw readingFailure(path === "" ? "." : path, thrown);
    }
  }
}

function note(of: readonly { readonly selector: Selector }[], { rule }: Verdict): void {
  for (const { selector } of of) if (rule !== undefined) selector.hiddenBy ??= rule;
}
