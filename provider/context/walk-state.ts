/** Where the COPY sources of a build stand while its context is walked from folder to folder. */
import { compileNamePattern, type NamePattern } from "../model/name-pattern.ts";
import { judgePath, parseIgnoreFile, type IgnoreRule, type IgnoreRules } from "../model/ignore-file.ts";
import type { ContextSource, ContextUse } from "../model/build-stage.ts";
import { containerfileFailure } from "../model/containerfile-failure.ts";

/** One source of one instruction, and what became of it. */
export interface Selector {
  readonly use: ContextUse;
  readonly source: ContextSource;
  readonly names: readonly (NamePattern | "**")[];
  readonly excludes: IgnoreRules;
  /** Something that it takes is there and not hidden. */
  found: boolean;
  /** The rule that hides something it would take. */
  hiddenBy?: IgnoreRule;
  /** What a link that it names leads to, when that is not there. */
  brokenLink?: string;
}

/** A source whose names up to `at` led here. */
export interface Step {
  readonly selector: Selector;
  readonly at: number;
}

/** A source that takes all there is here; `base` is what it took, for `--exclude`. */
export interface Cover {
  readonly selector: Selector;
  readonly base: string;
}

export function selectorsOf(uses: readonly ContextUse[], file: string): readonly Selector[] {
  const selectors = new Map<string, Selector>();
  for (const use of uses) {
    for (const source of use.sources) {
      const key = JSON.stringify([use.line, source.components, use.excludes]);
      if (!selectors.has(key)) selectors.set(key, makeSelector(use, source, file));
    }
  }
  return [...selectors.values()];
}

function makeSelector(use: ContextUse, source: ContextSource, file: string): Selector {
  const place = { file, line: use.line };
  const names = source.components.map((name) => {
    const pattern = name === "**" ? "**" : compileNamePattern(name);
    if (pattern === undefined) throw containerfileFailure(place, `${use.text}: "${source.text}" is not a pattern that builders accept`);
    return pattern;
  });
  return { use, source, names, excludes: parseIgnoreFile(use.excludes.join("\n"), `${file} line ${use.line}: --exclude`), found: false };
}

/** A `**` stands for no folder too, so what is behind it counts here already. */
export function settle(steps: readonly Step[]): readonly Step[] {
  const all = [...steps];
  for (const step of all) {
    const { selector, at } = step;
    if (selector.names[at] === "**" && at + 1 < selector.names.length) all.push({ selector, at: at + 1 });
  }
  return all;
}

export interface Taken {
  readonly covers: readonly Cover[];
  /** For what is inside, if it is a folder. */
  readonly steps: readonly Step[];
  /** Whether a link is followed to get on: all sources do, but for `**`. */
  readonly followed: readonly Step[];
}

const nothing: Taken = { covers: [], steps: [], followed: [] };

/** What the sources make of `name` in a folder where they stand at `steps`. */
export function advance(steps: readonly Step[], name: string, path: string): Taken {
  if (steps.length === 0) return nothing;
  const covers: Cover[] = [];
  const inside: Step[] = [];
  const followed: Step[] = [];
  for (const { selector, at } of steps) {
    const pattern = selector.names[at];
    const isLast = at + 1 === selector.names.length;
    if (pattern === undefined || (pattern !== "**" && !pattern.matches(name))) continue;
    if (isLast) covers.push({ selector, base: path });
    else if (pattern === "**") inside.push({ selector, at });
    else followed.push({ selector, at: at + 1 });
  }
  return { covers, steps: [...inside, ...followed], followed };
}

/** The names that can matter in a folder, when that can be said without listing it. */
export function literalNames(steps: readonly Step[]): readonly string[] | undefined {
  const names = new Set<string>();
  for (const { selector, at } of steps) {
    const pattern = selector.names[at];
    if (pattern === undefined || pattern === "**" || pattern.literal === undefined) return undefined;
    names.add(pattern.literal);
  }
  return [...names];
}

/**
 * `--exclude` counts from the source in docker and from the context in podman: only what both leave out is left out.
 */
export function isExcluded({ selector, base }: Cover, path: string): boolean {
  if (selector.excludes.rules.length === 0) return false;
  const fromSource = path === base ? path.slice(path.lastIndexOf("/") + 1) : path.slice(base === "" ? 0 : base.length + 1);
  return judgePath(selector.excludes, fromSource).ignored && judgePath(selector.excludes, path).ignored;
}
