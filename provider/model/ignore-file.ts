/** Ignore files (`.containerignore`, `.dockerignore`): which paths of a context are hidden from the build. */
import { Failure } from "../failure.ts";
import { compileIgnorePattern, type PathTest } from "./ignore-pattern.ts";

export interface IgnoreRule {
  /** From 1. */
  readonly line: number;
  /** As written, trimmed. */
  readonly text: string;
  /** `!pattern`: brings paths back. */
  readonly negated: boolean;
  /** What all paths that match must begin with. */
  readonly prefix: string;
  readonly test: PathTest;
}

export interface IgnoreRules {
  /** Name of the file they are from, relative to the context; empty when there is none. */
  readonly file: string;
  readonly rules: readonly IgnoreRule[];
}

export const nothingIgnored: IgnoreRules = { file: "", rules: [] };

/** Per rule: whether it matches a path or one of the folders above. Handed down while walking. */
export type Matches = readonly boolean[];

export interface Verdict {
  readonly ignored: boolean;
  /** The rule that had the last word. */
  readonly rule?: IgnoreRule;
  readonly matches: Matches;
}

export function parseIgnoreFile(text: string, file: string): IgnoreRules {
  const lines = text.replace(/^\ufeff/, "").split("\n");
  return { file, rules: lines.flatMap((line, index) => parseRule(line, { file, line: index + 1 })) };
}

function parseRule(raw: string, place: { readonly file: string; readonly line: number }): readonly IgnoreRule[] {
  const text = raw.trim();
  if (raw.startsWith("#") || text === "") return [];
  const negated = text.startsWith("!");
  const written = negated ? text.slice(1).trim() : text;
  const pattern = cleanPath(
    cleanPath(written)
      .replace(/^\/(?=.)/, "")
      .trim(),
  );
  const test = written === "" || (negated && pattern === "/") ? undefined : compileIgnorePattern(pattern);
  if (test === undefined) {
    throw new Failure({
      kind: "input",
      message: `${place.file} line ${place.line}: "${text}" is not a pattern that builders accept`,
      fix: String.raw`close each "[" by "]", and write \ in front of a character that means itself.`,
    });
  }
  return [{ line: place.line, text, negated, prefix: /^[^*?[\\]*/.exec(pattern)?.[0] ?? "", test }];
}

const nothingHidden: Verdict = { ignored: false, matches: [] };

/**
 * Whether `path` (relative, with forward slashes) is hidden, given the verdict on its folder. The last rule that
 * matches it or a folder above it decides. Docker's own walk forgets rules that changed nothing above; that shows only
 * where one pattern stands both before and after its negation.
 */
export function judge({ rules }: IgnoreRules, path: string, parent: Matches | undefined): Verdict {
  if (rules.length === 0) return nothingHidden;
  const matches = rules.map((rule, index) => parent?.[index] === true || rule.test(path));
  const last = matches.lastIndexOf(true);
  const rule = rules[last];
  return rule === undefined ? { ignored: false, matches } : { ignored: !rule.negated, rule, matches };
}

/** The verdict on a path of which nothing is known yet. */
export function judgePath(rules: IgnoreRules, path: string): Verdict {
  let verdict: Verdict = { ignored: false, matches: rules.rules.map(() => false) };
  for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1))
    verdict = judge(rules, path.slice(0, end), verdict.matches);
  return judge(rules, path, verdict.matches);
}

/** Whether something below a hidden folder may be brought back, so that it must be walked all the same. */
export function mayBringBack({ rules }: IgnoreRules, folder: string): boolean {
  const inside = `${folder}/`;
  return rules.some(({ negated, prefix }) => negated && (prefix.startsWith(inside) || inside.startsWith(prefix)));
}

/** Go's filepath.Clean. */
function cleanPath(path: string): string {
  const rooted = path.startsWith("/");
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.length > 0 && names.at(-1) !== "..") names.pop();
    else if (!rooted) names.push("..");
  }
  const joined = names.join("/");
  return rooted ? `/${joined}` : joined === "" ? "." : joined;
}
