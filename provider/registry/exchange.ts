/** One HTTP request and its answer. No retries, no redirects, no credentials: those are decided above. */
import { request as httpRequest, type Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { silent, unconnected } from "./trouble.ts";

/** Opened anew for each attempt. */
export interface Body {
  readonly sizeBytes: number;
  open(): Readable;
}

export function bytesBody(bytes: Uint8Array): Body {
  return { sizeBytes: bytes.length, open: () => Readable.from([bytes]) };
}

export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body;
  readonly agent: Agent;
  readonly signal: AbortSignal;
  /** For the connection, TLS included. */
  readonly connectSeconds: number;
  /** Without a single byte in either direction. */
  readonly silenceSeconds: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

function stopped(code: string): Error {
  return Object.assign(new Error("stopped waiting"), { code });
}

function limitConnecting(outgoing: ClientRequest, seconds: number, secure: boolean): void {
  outgoing.once("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => outgoing.destroy(stopped(unconnected)), seconds * 1000);
    const done = (): void => clearTimeout(timer);
    socket.once(secure ? "secureConnect" : "connect", done);
    socket.once("close", done);
  });
}

function sendBody(outgoing: ClientRequest, body: Body | undefined): void {
  if (body === undefined) {
    outgoing.end();
    return;
  }
  const source = body.open();
  source.once("error", (error) => outgoing.destroy(error));
  outgoing.once("close", () => source.destroy());
  source.pipe(outgoing);
}

/** Resolves with the head of the answer; its body streams. Rejects with Node's own errors. */
export function exchange(request: Exchange): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const secure = request.url.protocol === "https:";
    const outgoing = (secure ? httpsRequest : httpRequest)(request.url, {
      method: request.method,
      headers: { ...request.headers, ...(request.body === undefined ? {} : { "content-length": String(request.body.sizeBytes) }) },
      agent: request.agent,
      signal: request.signal,
    });
    let incoming: IncomingMessage | undefined;
    outgoing.once("response", (answer) => {
      incoming = answer;
      resolve(answer);
    });
    outgoing.on("error", reject);
    limitConnecting(outgoing, request.connectSeconds, secure);
    outgoing.setTimeout(request.silenceSeconds * 1000, () => {
      incoming?.destroy(stopped(silent));
      outgoing.destroy(stopped(silent));
    });
    sendBody(outgoing, request.body);
  });
}

/** The whole body, or undefined (and the connection closed) when there is more than `limitBytes` of it. */
export async function readBody(body: Readable, limitBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > limitBytes) {
      body.destroy();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
