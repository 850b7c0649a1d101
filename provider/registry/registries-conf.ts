/** Where an image's registry really is: containers-registries.conf(5), version 2. Pure. */
import { parse, TomlError } from "smol-toml";
import { Failure } from "../failure.ts";
import { isShape, shapesAt, textAt, type Shape } from "./json-shape.ts";

interface MirrorRule {
  readonly location: string;
  readonly insecure: boolean;
  readonly pulls: "all" | "digest-only" | "tag-only";
}

export interface RegistryRule {
  readonly prefix: string;
  /** Empty only behind a `*.` prefix: the name stays as it is. */
  readonly location: string;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly MirrorRule[];
  /** File that says so. */
  readonly source: string;
}

/** A registry and repository to ask. */
export interface Route {
  readonly registry: string;
  readonly repository: string;
  /** Untrusted certificates and plain HTTP are fine. */
  readonly insecure: boolean;
}

function trimLocation(text: string | undefined): string {
  return (text ?? "").replace(/^https?:\/\//, "").replace(/\/+$/, "");
}

function mirrorOf(shape: Shape, digestOnly: boolean): MirrorRule {
  const pulls = textAt(shape, "pull-from-mirror");
  return {
    location: trimLocation(textAt(shape, "location")),
    insecure: shape["insecure"] === true,
    pulls: pulls === "digest-only" || pulls === "tag-only" ? pulls : digestOnly ? "digest-only" : "all",
  };
}

function ruleOf(shape: Shape, source: string): RegistryRule | undefined {
  const location = trimLocation(textAt(shape, "location"));
  const prefix = trimLocation(textAt(shape, "prefix")) || location;
  if (prefix === "" || (location === "" && !prefix.startsWith("*."))) return undefined;
  const digestOnly = shape["mirror-by-digest-only"] === true;
  const mirrors = shapesAt(shape, "mirror").map((mirror) => mirrorOf(mirror, digestOnly));
  return {
    prefix,
    location,
    insecure: shape["insecure"] === true,
    blocked: shape["blocked"] === true,
    mirrors: mirrors.filter((mirror) => mirror.location !== ""),
    source,
  };
}

function parseToml(path: string, text: string): Shape {
  try {
    const value: unknown = parse(text);
    return isShape(value) ? value : {};
  } catch (error) {
    const place = error instanceof TomlError ? `, line ${error.line}` : "";
    throw new Failure({
      kind: "environment",
      message: `${path}${place} is not TOML, so it cannot be told how registries are reached.`,
      fix: "correct that line; containers-registries.conf(5) describes the file.",
      cause: error,
    });
  }
}

/** Rules of several files; a later rule for the same prefix replaces the earlier. */
export function parseRegistryRules(files: readonly { readonly path: string; readonly text: string }[]): readonly RegistryRule[] {
  const rules = new Map<string, RegistryRule>();
  for (const { path, text } of files) {
    for (const shape of shapesAt(parseToml(path, text), "registry")) {
      const rule = ruleOf(shape, path);
      if (rule !== undefined) rules.set(rule.prefix, rule);
    }
  }
  return [...rules.values()];
}

/** How many characters of `name` the prefix covers; 0: none. */
function coverage(prefix: string, name: string): number {
  if (prefix.startsWith("*.")) {
    const [pattern = ""] = prefix.slice(1).split("/");
    const path = prefix.slice(1 + pattern.length);
    const [host = ""] = name.split("/");
    const covered = `${host}${path}`;
    return host.endsWith(pattern) && host.length > pattern.length && startsWithPath(name, covered) ? covered.length : 0;
  }
  return startsWithPath(name, prefix) ? prefix.length : 0;
}

function startsWithPath(name: string, prefix: string): boolean {
  return name === prefix || name.startsWith(`${prefix}/`);
}

export function findRule(rules: readonly RegistryRule[], name: string): RegistryRule | undefined {
  let best: RegistryRule | undefined;
  for (const rule of rules) {
    const length = coverage(rule.prefix, name);
    const bestLength = best === undefined ? 0 : coverage(best.prefix, name);
    const narrower = length === bestLength && rule.prefix.length > (best?.prefix.length ?? 0);
    if (length > 0 && (length > bestLength || narrower)) best = rule;
  }
  return best;
}

function routeOf(name: string, insecure: boolean): Route {
  const slash = name.indexOf("/");
  return { registry: slash < 0 ? name : name.slice(0, slash), repository: slash < 0 ? "" : name.slice(slash + 1), insecure };
}

function refuseBlocked(rule: RegistryRule | undefined, name: string): void {
  if (rule?.blocked !== true) return;
  throw new Failure({
    kind: "environment",
    code: "blocked",
    message: `${name} must not be used: ${rule.source} blocks ${rule.prefix}.`,
    fix: `use an image from another registry, or take "blocked = true" for ${rule.prefix} out of that file.`,
  });
}

/** Where to pull from, in order: mirrors, then the place itself. */
export function pullRoutes(rules: readonly RegistryRule[], name: string, by: "tag" | "digest"): readonly [Route, ...Route[]] {
  const rule = findRule(rules, name);
  refuseBlocked(rule, name);
  if (rule === undefined) return [routeOf(name, false)];
  const rest = name.slice(coverage(rule.prefix, name));
  const mirrors = rule.mirrors.filter((mirror) => mirror.pulls === "all" || mirror.pulls === `${by}-only`);
  const places = mirrors.map((mirror) => routeOf(`${mirror.location}${rest}`, mirror.insecure));
  const [first, ...more] = [...places, routeOf(rule.location === "" ? name : `${rule.location}${rest}`, rule.insecure)];
  return first === undefined ? [routeOf(name, false)] : [first, ...more];
}

/** Pushes go to the name as written, as podman's do; mirrors and locations are for pulls. */
export function pushRoute(rules: readonly RegistryRule[], name: string): Route {
  const rule = findRule(rules, name);
  refuseBlocked(rule, name);
  return routeOf(name, rule?.insecure ?? false);
}
