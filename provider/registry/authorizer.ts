/** Answers a registry's challenges: Basic, and Bearer with a token service. Keeps what works, for one repository and right each. */
import { answerTrouble, type Asked } from "./answers.ts";
import type { Credentials } from "./auth-file.ts";
import { parseChallenges, type Challenge } from "./challenge.ts";
import type { FindCredentials } from "./credentials.ts";
import type { Reply } from "./exchange.ts";
import { parseShape, textAt } from "./json-shape.ts";
import { isTrouble, type Trouble } from "./trouble.ts";

export type Right = "pull" | "push" | "delete";

export interface Scope {
  readonly repository: string;
  readonly right: Right;
}

/** A request to a token service; `verified` false: on a host whose certificate is not checked. */
export interface TokenRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly form?: string;
  readonly signal: AbortSignal;
}

export type AskTokenService = (request: TokenRequest) => Promise<Reply | Trouble>;

/** A header value in use, and all texts in it that must never show. */
export interface Authorization {
  readonly header: string;
  readonly secrets: readonly string[];
  readonly source: string | undefined;
  readonly expiresAt: number;
}

const actions: Readonly<Record<Right, string>> = { pull: "pull", push: "pull,push", delete: "delete,pull" };
/** A token with less left is not begun with. */
const marginMilliseconds = 5000;
const defaultTokenSeconds = 60;

function basicHeader(credentials: Credentials): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.secret}`).toString("base64")}`;
}

function secretsOf(credentials: Credentials | undefined): readonly string[] {
  if (credentials === undefined) return [];
  return [credentials.secret, basicHeader(credentials).slice("Basic ".length), encodeURIComponent(credentials.secret)];
}

export interface AuthorizerParts {
  readonly registry: string;
  readonly findCredentials: FindCredentials;
  readonly askTokenService: AskTokenService;
}

export class Authorizer {
  readonly #parts: AuthorizerParts;
  readonly #known = new Map<string, Authorization>();
  readonly #pending = new Map<string, Promise<Authorization | Trouble>>();

  constructor(parts: AuthorizerParts) {
    this.#parts = parts;
  }

  #key(scope: Scope): string {
    return `${scope.repository} ${scope.right}`;
  }

  /** What worked before and has not expired. */
  known(scope: Scope): Authorization | undefined {
    const found = this.#known.get(this.#key(scope));
    return found !== undefined && found.expiresAt - marginMilliseconds > Date.now() ? found : undefined;
  }

  /** After a 401 to a request sent with `used`. Requests that run beside each other share one answer. */
  async renew(reply: Reply, scope: Scope, attempt: { readonly used: Authorization | undefined; readonly signal: AbortSignal }) {
    const key = this.#key(scope);
    const known = this.known(scope);
    if (known !== undefined && known !== attempt.used) return known;
    const renewal = this.#pending.get(key) ?? this.#answer(reply, scope, attempt.signal).finally(() => this.#pending.delete(key));
    this.#pending.set(key, renewal);
    const renewed = await renewal;
    if (isTrouble(renewed)) this.#known.delete(key);
    else this.#known.set(key, renewed);
    return renewed;
  }

  async #answer(reply: Reply, scope: Scope, signal: AbortSignal): Promise<Authorization | Trouble> {
    const { registry } = this.#parts;
    const challenges = parseChallenges(reply.headers["www-authenticate"] ?? "");
    const credentials = await this.#parts.findCredentials(registry, scope.repository, signal);
    const bearer = challenges.find((challenge) => challenge.scheme === "bearer");
    if (bearer !== undefined) return this.#token(bearer, { scope, credentials, signal });
    const basic = challenges.some((challenge) => challenge.scheme === "basic");
    if (basic && credentials?.kind === "password") {
      const secrets = secretsOf(credentials);
      return { header: basicHeader(credentials), secrets, source: credentials.source, expiresAt: Infinity };
    }
    return answerTrouble(reply, { who: "the registry", registry, secrets: secretsOf(credentials) });
  }

  async #token(
    challenge: Challenge,
    request: { readonly scope: Scope; readonly credentials: Credentials | undefined; readonly signal: AbortSignal },
  ): Promise<Authorization | Trouble> {
    const { credentials } = request;
    const url = URL.parse(challenge.parameters["realm"] ?? "");
    if (url === null) return this.#noToken("it names no address of its token service");
    const asked: Asked = {
      who: `its token service ${url.host}`,
      registry: this.#parts.registry,
      secrets: secretsOf(credentials),
      ...(credentials === undefined ? {} : { credentialSource: credentials.source }),
    };
    const reply = await this.#parts.askTokenService(tokenRequest(url, challenge, request));
    if (isTrouble(reply)) return reply;
    if (reply.status !== 200) return answerTrouble(reply, asked);
    return this.#tokenOf(reply, credentials) ?? this.#noToken(`the answer of its token service ${url.host} holds no token`);
  }

  #tokenOf(reply: Reply, credentials: Credentials | undefined): Authorization | undefined {
    const shape = parseShape(reply.bytes.toString("utf8"));
    const token = shape && (textAt(shape, "token") || textAt(shape, "access_token"));
    // A token goes into a header; one with other characters would be refused there, with its text in the error.
    if (shape === undefined || token === undefined || !/^[\x21-\x7e]+$/.test(token)) return undefined;
    const seconds = typeof shape["expires_in"] === "number" ? shape["expires_in"] : defaultTokenSeconds;
    return {
      header: `Bearer ${token}`,
      secrets: [token, ...secretsOf(credentials)],
      source: credentials?.source,
      expiresAt: Date.now() + Math.max(seconds, defaultTokenSeconds) * 1000,
    };
  }

  #noToken(what: string): Trouble {
    return {
      trouble: "refused",
      passing: false,
      reason: `the registry asks for a login, but ${what}`,
      fix: `check that ${this.#parts.registry} is set up as a container registry.`,
    };
  }
}

/** The registry's own scope when it speaks of the same repository; else what the request needs. */
function scopeText(challenge: Challenge, scope: Scope): string {
  const theirs = challenge.parameters["scope"] ?? "";
  return theirs.startsWith(`repository:${scope.repository}:`) ? theirs : `repository:${scope.repository}:${actions[scope.right]}`;
}

function tokenRequest(
  url: URL,
  challenge: Challenge,
  request: { readonly scope: Scope; readonly credentials: Credentials | undefined; readonly signal: AbortSignal },
): TokenRequest {
  const { credentials, signal } = request;
  const fields = new URLSearchParams();
  const service = challenge.parameters["service"];
  if (service !== undefined) fields.set("service", service);
  fields.set("scope", scopeText(challenge, request.scope));
  if (credentials?.kind === "identity") {
    fields.set("grant_type", "refresh_token");
    fields.set("client_id", "bootable");
    fields.set("refresh_token", credentials.secret);
    return { url, headers: { "content-type": "application/x-www-form-urlencoded" }, form: fields.toString(), signal };
  }
  const asked = new URL(url);
  if (credentials !== undefined) fields.set("account", credentials.username);
  for (const [name, value] of fields) asked.searchParams.append(name, value);
  return { url: asked, headers: credentials === undefined ? {} : { authorization: basicHeader(credentials) }, signal };
}
