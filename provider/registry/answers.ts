/** HTTP answers of a registry that are no success, as troubles. */
import type { Reply } from "./exchange.ts";
import { parseShape, shapesAt, textAt } from "./json-shape.ts";
import type { Trouble } from "./trouble.ts";

/** Retry-After in seconds, from a number or a date. */
export function retryAfterSeconds(header: string | undefined, nowMilliseconds: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(header.trim())) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - nowMilliseconds) / 1000);
}

/** Whatever a server may echo of what it was sent must not reach a log. */
function redact(text: string, secrets: readonly string[]): string {
  return secrets.filter((secret) => secret.length > 3).reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
}

/** The registry's own explanation: one line, without control characters, at most 200 characters. */
function registryWords(bytes: Uint8Array, secrets: readonly string[]): string | undefined {
  const shape = parseShape(Buffer.from(bytes).toString("utf8"));
  const first = shape && shapesAt(shape, "errors")[0];
  if (first === undefined) return undefined;
  const words = [textAt(first, "code"), textAt(first, "message")].filter((part) => part !== undefined && part !== "");
  const text = redact(words.join(": "), secrets).replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
  return text === "" ? undefined : text.slice(0, 200);
}

export interface Asked {
  /** `the registry`, or `its token service auth.example.com`. */
  readonly who: string;
  readonly registry: string;
  /** Texts that must not show. */
  readonly secrets: readonly string[];
  /** Where the credentials in use came from. */
  readonly credentialSource?: string;
}

function unauthorized(asked: Asked): Trouble {
  return {
    trouble: "unauthorized",
    passing: false,
    reason: `${asked.who} answered 401`,
    ...(asked.credentialSource === undefined ? {} : { detail: `It refused the login from ${asked.credentialSource}.` }),
    fix: `log in with "podman login ${asked.registry}".`,
  };
}

function forbidden(asked: Asked): Trouble {
  const anonymous = asked.credentialSource === undefined;
  const login = anonymous ? "no login was used" : `the login from ${asked.credentialSource} was used`;
  const other = anonymous ? "log in" : `give this login the right to do so on ${asked.registry}, or log in as another user`;
  return {
    trouble: "forbidden",
    passing: false,
    reason: `${asked.who} answered 403 (${login})`,
    fix: `${other} with "podman login ${asked.registry}".`,
  };
}

function busy(reply: Reply, asked: Asked): Trouble {
  const wait = retryAfterSeconds(reply.headers["retry-after"], Date.now());
  return {
    trouble: reply.status === 429 ? "rate-limited" : "server-error",
    passing: true,
    reason: reply.status === 429 ? `${asked.who} answered 429 (too many requests)` : `${asked.who} answered ${reply.status}`,
    ...(wait === undefined ? {} : { retryAfterSeconds: wait }),
    fix:
      reply.status === 429
        ? `wait a while, or log in with "podman login ${asked.registry}": known users are often allowed more.`
        : `look at the logs of ${asked.registry}, or wait until it is well again.`,
  };
}

function isWebPage(reply: Reply): boolean {
  return (reply.headers["content-type"] ?? "").toLowerCase().startsWith("text/html");
}

/** A 404 that is a web page comes from something in between, and says nothing about an image. */
export function isDefinitelyNotFound(reply: Reply): boolean {
  return reply.status === 404 && !isWebPage(reply);
}

function other(reply: Reply, asked: Asked): Trouble {
  const page = isWebPage(reply) ? " with a web page" : "";
  return {
    trouble: reply.status === 404 && page === "" ? "not-found" : "refused",
    passing: false,
    reason: `${asked.who} answered ${reply.status}${page}`,
    ...(page === "" ? {} : { fix: `check that ${asked.registry} is a container registry and that no proxy answers in its place.` }),
  };
}

function withoutWords(reply: Reply, asked: Asked): Trouble {
  if (reply.status === 401) return unauthorized(asked);
  if (reply.status === 403) return forbidden(asked);
  if (reply.status === 429 || (reply.status >= 500 && reply.status !== 501)) return busy(reply, asked);
  return other(reply, asked);
}

/** What an answer that is no success means. */
export function answerTrouble(reply: Reply, asked: Asked): Trouble {
  const trouble = withoutWords(reply, asked);
  const words = reply.status === 401 ? undefined : registryWords(reply.bytes, asked.secrets);
  return words === undefined ? trouble : { ...trouble, detail: `It said: ${words}` };
}
