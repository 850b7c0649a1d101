/** One page of a registry's list of tags, and where the next one is. Pure. */
import type { Reply } from "./exchange.ts";
import { parseShape } from "./json-shape.ts";
import type { Trouble } from "./trouble.ts";

export interface TagPage {
  readonly tags: readonly string[];
  /** Whole address on the same registry. */
  readonly path: string | undefined;
}

/** The target of rel="next" in a Link header (RFC 8288). */
export function nextLink(header: string | undefined): string | undefined {
  for (const [, target, parameters] of (header ?? "").matchAll(/<([^>]*)>([^,<]*)/g)) {
    if (/;\s*rel\s*=\s*"?next"?(?:\s|;|$)/i.test(parameters ?? "")) return target;
  }
  return undefined;
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(", ") : header;
}

export function nextPage(reply: Reply, asked: URL): TagPage | Trouble {
  const listed = parseShape(reply.bytes.toString("utf8"))?.["tags"];
  const tags = Array.isArray(listed) ? listed.filter((tag) => typeof tag === "string") : [];
  const link = nextLink(one(reply.headers["link"]));
  if (link === undefined) return { tags, path: undefined };
  const next = URL.parse(link, asked.href);
  if (next?.origin === asked.origin) return { tags, path: next.href };
  return {
    trouble: "foreign-redirect",
    passing: false,
    reason: `${asked.host} says that its list of tags goes on at ${next?.host ?? "no address that can be read"}, and only its own answers count`,
    fix: `check the address that ${asked.host} is set up to give for itself.`,
  };
}
