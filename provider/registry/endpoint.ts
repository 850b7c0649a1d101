/** One registry: finds how it is spoken to, logs in when asked, follows redirects without taking credentials along. */
import type { IncomingMessage } from "node:http";
import { Failure } from "../failure.ts";
import { answerTrouble } from "./answers.ts";
import { Authorizer, type Authorization, type Scope, type TokenRequest } from "./authorizer.ts";
import type { Connections } from "./connections.ts";
import type { FindCredentials } from "./credentials.ts";
import { bytesBody, exchange, readBody, type Body, type Reply } from "./exchange.ts";
import { persist, type Patience } from "./patience.ts";
import { foreignTrouble, redirectTarget, untrustedTokenService } from "./redirects.ts";
import { isTrouble, networkTrouble, type Task, type Trouble } from "./trouble.ts";

export interface Question {
  readonly method: "HEAD" | "GET" | "POST" | "PUT" | "DELETE";
  /** Below the registry's root, or a whole address on the registry itself. */
  readonly path: string;
  readonly scope: Scope;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** Statuses that are answers; every other is a trouble. */
  readonly expected: readonly number[];
  readonly limitBytes?: number;
  /** On top of the patience with a silent server. */
  readonly extraSilenceSeconds?: number;
}

export interface EndpointParts {
  readonly registry: string;
  readonly insecure: boolean;
  readonly connections: Connections;
  readonly findCredentials: FindCredentials;
  readonly patience: Patience;
}

const redirectStatuses = new Set([301, 302, 303, 307, 308]);
const maxRedirects = 5;
const errorBytes = 64 * 1024;

function hostOf(registry: string): string {
  return registry === "docker.io" || registry === "index.docker.io" ? "registry-1.docker.io" : registry;
}

export class Endpoint {
  readonly registry: string;
  readonly patience: Patience;
  readonly #parts: EndpointParts;
  readonly #authorizer: Authorizer;
  #roots: readonly [URL, ...URL[]];

  constructor(parts: EndpointParts) {
    this.registry = parts.registry;
    this.patience = parts.patience;
    this.#parts = parts;
    const host = hostOf(parts.registry);
    this.#roots = [new URL(`https://${host}/`), ...(parts.insecure ? [new URL(`http://${host}/`)] : [])];
    this.#authorizer = new Authorizer({ ...parts, askTokenService: (request) => this.#askTokenService(request) });
  }

  /** The registry's address, certain once it has answered. */
  get root(): URL {
    return this.#roots[0];
  }

  /** With retries, within patience; the whole body is read. */
  ask(question: Question, task: Task): Promise<Reply | Trouble> {
    return persist(task, this.patience, (signal) => this.askOnce(question, signal));
  }

  /** One attempt, login and redirects included. */
  async askOnce(question: Question, signal: AbortSignal): Promise<Reply | Trouble> {
    const answer = await this.open(question, signal);
    return isTrouble(answer) ? answer : this.#read(answer, question.limitBytes ?? errorBytes);
  }

  /** One attempt; the body streams. */
  async open(question: Question, signal: AbortSignal): Promise<IncomingMessage | Trouble> {
    let used = this.#authorizer.known(question.scope);
    for (let count = 0; ; count += 1) {
      const answer = await this.#send(question, used, signal);
      if (isTrouble(answer) || question.expected.includes(answer.statusCode ?? 0)) return answer;
      const reply = await this.#readError(answer);
      if (reply.status !== 401 || count > 0) return this.#trouble(reply, used);
      const renewed = await this.#authorizer.renew(reply, question.scope, { used, signal });
      if (isTrouble(renewed)) return renewed;
      used = renewed;
    }
  }

  #trouble(reply: Reply, used: Authorization | undefined): Trouble {
    const source = used?.source;
    return answerTrouble(reply, {
      who: "the registry",
      registry: this.registry,
      secrets: used?.secrets ?? [],
      ...(source === undefined ? {} : { credentialSource: source }),
    });
  }

  /** What an answer says that is no success; its words may be too many or break off, its status counts. */
  async #readError(answer: IncomingMessage): Promise<Reply> {
    const bytes = await readBody(answer, errorBytes).catch(() => undefined);
    return { status: answer.statusCode ?? 0, headers: answer.headers, bytes: bytes ?? Buffer.alloc(0) };
  }

  async #read(answer: IncomingMessage, limitBytes: number): Promise<Reply | Trouble> {
    try {
      const bytes = await readBody(answer, limitBytes);
      if (bytes !== undefined) return { status: answer.statusCode ?? 0, headers: answer.headers, bytes };
      return {
        trouble: "refused",
        passing: false,
        reason: `${this.registry} sent more than ${limitBytes} bytes where that much is not called for`,
      };
    } catch (error) {
      return networkTrouble(error, this.registry);
    }
  }

  /** Tries TLS first; plain HTTP only for a registry configured insecure, and only when TLS got no answer at all. */
  async #send(question: Question, used: Authorization | undefined, signal: AbortSignal): Promise<IncomingMessage | Trouble> {
    const roots = this.#roots;
    for (const [index, root] of roots.entries()) {
      const answer = await this.#follow(new URL(question.path, root), question, { used, signal, root });
      // 400 is what a TLS port answers to plain HTTP: nothing to settle on.
      if (!isTrouble(answer) && answer.statusCode !== 400) this.#roots = [root];
      if (!isTrouble(answer) || signal.aborted || index === roots.length - 1) return answer;
    }
    throw new Failure({ kind: "bug", message: `No address is known for ${this.registry}.` });
  }

  async #follow(
    first: URL,
    question: Question,
    way: { readonly used: Authorization | undefined; readonly signal: AbortSignal; readonly root: URL },
  ): Promise<IncomingMessage | Trouble> {
    let url = first;
    for (let count = 0; count <= maxRedirects; count += 1) {
      const home = url.origin === way.root.origin;
      const authorization = home && way.used !== undefined ? { authorization: way.used.header } : {};
      const answer = await this.#exchange(url, { ...question, headers: { ...question.headers, ...authorization } }, way.signal);
      if (isTrouble(answer)) return answer;
      const status = answer.statusCode ?? 0;
      if (!redirectStatuses.has(status) && (home || question.expected.includes(status))) return answer;
      answer.destroy();
      if (!redirectStatuses.has(status)) return foreignTrouble(url, status);
      const next = redirectTarget(url, { method: question.method, location: answer.headers.location });
      if (isTrouble(next)) return next;
      url = next;
    }
    return { trouble: "foreign-redirect", passing: false, reason: `the registry redirects more than ${maxRedirects} times` };
  }

  async #exchange(
    url: URL,
    question: Pick<Question, "headers" | "body" | "extraSilenceSeconds"> & { method: string },
    signal: AbortSignal,
  ): Promise<IncomingMessage | Trouble> {
    const own = this.#roots.some((root) => root.hostname === url.hostname);
    const agent = await this.#parts.connections.agent(url, !(own && this.#parts.insecure));
    try {
      return await exchange({
        method: question.method,
        url,
        headers: { "user-agent": "bootable", ...question.headers },
        ...(question.body === undefined ? {} : { body: question.body }),
        agent,
        signal,
        connectSeconds: this.patience.connectSeconds,
        silenceSeconds: this.patience.silenceSeconds + (question.extraSilenceSeconds ?? 0),
      });
    } catch (error) {
      // What broke may be our own end: the source of what is sent.
      if (error instanceof Failure) throw error;
      return networkTrouble(error, url.host);
    }
  }

  /**
   * A registry that proved who it is may name any token service that does so too; one that did not (plain HTTP, or
   * certificates unchecked) may name only its own host.
   */
  async #askTokenService(request: TokenRequest): Promise<Reply | Trouble> {
    const { root } = this;
    const own = request.url.hostname === root.hostname;
    const proven = root.protocol === "https:" && !this.#parts.insecure;
    const secure = request.url.protocol === "https:" || (own && root.protocol === "http:" && request.url.protocol === "http:");
    if (!secure || !(own || proven)) return untrustedTokenService(request.url);
    const form = request.form === undefined ? {} : { body: bytesBody(Buffer.from(request.form)) };
    const message = { method: request.form === undefined ? "GET" : "POST", headers: request.headers, ...form };
    const answer = await this.#exchange(request.url, message, request.signal);
    return isTrouble(answer) ? answer : this.#read(answer, errorBytes);
  }
}
