/** A registry in memory that does as the distribution spec says, until a test tells it to misbehave. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { MadeImage } from "./oci-layout.ts";
import { sha256 } from "./oci-layout.ts";

/** Answers a request itself and returns true, or leaves it to the spec. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => boolean | void;

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
}

export interface HostileRegistry {
  readonly host: string;
  readonly seen: SeenRequest[];
  /** Forgets earlier misbehaviour and requests. */
  misbehave(how: Misbehaviour): void;
  /** As if it had been pushed before. */
  hold(repository: string, image: MadeImage, tags?: readonly string[]): void;
  readonly manifests: Map<string, { readonly bytes: Buffer; readonly mediaType: string }>;
  readonly blobs: Map<string, Uint8Array>;
  stop(): Promise<void>;
}

export interface Answer {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export function answer(response: ServerResponse, status: number, { headers = {}, body = "" }: Answer = {}): true {
  response.writeHead(status, { "content-length": String(Buffer.byteLength(body)), ...headers });
  response.end(response.req.method === "HEAD" ? undefined : body);
  return true;
}

/** `words`: the error's code and message. */
export function refuse(response: ServerResponse, status: number, words: readonly [code: string, message?: string]): true {
  const [code, message = ""] = words;
  return answer(response, status, {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ errors: [{ code, message }] }),
  });
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

class Memory {
  readonly manifests = new Map<string, { readonly bytes: Buffer; readonly mediaType: string }>();
  readonly blobs = new Map<string, Uint8Array>();

  async serve(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const url = new URL(request.url ?? "", "http://localhost");
    const match = /^\/v2\/(.+)\/(manifests|blobs|tags)\/(.*)$/.exec(url.pathname);
    if (match === null) return refuse(response, 404, ["NAME_UNKNOWN"]);
    const [, repository = "", kind, rest = ""] = match;
    if (kind === "manifests") return this.manifest(request, response, `${repository} ${rest}`);
    if (kind === "tags") return this.tags(response, repository, url);
    if (rest.startsWith("uploads/")) return this.upload(request, response, { repository, url });
    return this.blob(request, response, `${repository} ${rest}`);
  }

  private async manifest(request: IncomingMessage, response: ServerResponse, key: string): Promise<unknown> {
    const [repository = ""] = key.split(" ");
    if (request.method === "PUT") {
      const bytes = await readAll(request);
      const entry = { bytes, mediaType: request.headers["content-type"] ?? "" };
      this.manifests.set(key, entry).set(`${repository} ${sha256(bytes)}`, entry);
      return answer(response, 201, { headers: { "docker-content-digest": sha256(bytes) } });
    }
    const found = this.manifests.get(key);
    if (found === undefined) return refuse(response, 404, ["MANIFEST_UNKNOWN"]);
    if (request.method === "DELETE") {
      for (const [name, entry] of this.manifests)
        if (name.startsWith(`${repository} `) && entry.bytes.equals(found.bytes)) this.manifests.delete(name);
      return answer(response, 202);
    }
    return answer(response, 200, {
      headers: { "content-type": found.mediaType, "docker-content-digest": sha256(found.bytes) },
      body: found.bytes,
    });
  }

  private blob(request: IncomingMessage, response: ServerResponse, key: string): unknown {
    const found = this.blobs.get(key);
    if (found === undefined) return refuse(response, 404, ["BLOB_UNKNOWN"]);
    const from = /^bytes=([0-9]+)-/.exec(request.headers.range ?? "")?.[1];
    if (from === undefined) return answer(response, 200, { body: found });
    const range = `bytes ${from}-${found.length - 1}/${found.length}`;
    return answer(response, 206, { headers: { "content-range": range }, body: found.subarray(Number(from)) });
  }

  private async upload(
    request: IncomingMessage,
    response: ServerResponse,
    { repository, url }: { readonly repository: string; readonly url: URL },
  ): Promise<unknown> {
    const mounted = this.blobs.get(`${url.searchParams.get("from")} ${url.searchParams.get("mount")}`);
    if (request.method === "POST" && mounted !== undefined) {
      this.blobs.set(`${repository} ${url.searchParams.get("mount")}`, mounted);
      return answer(response, 201);
    }
    if (request.method === "POST")
      return answer(response, 202, { headers: { location: `/v2/${repository}/blobs/uploads/1?_state=a%20b%3D` } });
    const bytes = await readAll(request);
    const digest = url.searchParams.get("digest");
    if (url.search.startsWith("?_state=a%20b%3D&") && digest === sha256(bytes)) {
      this.blobs.set(`${repository} ${digest}`, bytes);
      return answer(response, 201);
    }
    return refuse(response, 400, ["DIGEST_INVALID"]);
  }

  private tags(response: ServerResponse, repository: string, url: URL): unknown {
    const all = [...this.manifests.keys()].filter((key) => key.startsWith(`${repository} `)).map((key) => key.slice(repository.length + 1));
    const tags = all.filter((tag) => !tag.startsWith("sha256:")).sort();
    if (all.length === 0) return refuse(response, 404, ["NAME_UNKNOWN"]);
    // Two a page, whatever was asked for: many registries have a limit of their own.
    const after = url.searchParams.get("last") ?? "";
    const page = tags.filter((tag) => tag > after).slice(0, 2);
    const last = page.at(-1);
    const link =
      last !== undefined && last !== tags.at(-1) ? { link: `</v2/${repository}/tags/list?n=2&last=${last}>; rel="next"` } : undefined;
    return answer(response, 200, {
      headers: { "content-type": "application/json", ...link },
      body: JSON.stringify({ name: repository, tags: page }),
    });
  }
}

export async function startHostileRegistry(): Promise<HostileRegistry> {
  const memory = new Memory();
  const seen: SeenRequest[] = [];
  let misbehaviour: Misbehaviour = () => false;
  const server = createServer((request, response) => {
    seen.push({ method: request.method ?? "", path: request.url ?? "", authorization: request.headers.authorization });
    request.on("error", () => undefined);
    if (misbehaviour(request, response) !== true) memory.serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    manifests: memory.manifests,
    blobs: memory.blobs,
    misbehave: (how) => {
      misbehaviour = how;
      seen.length = 0;
    },
    hold: (repository, image, tags = []) => {
      for (const [digest, bytes] of image.blobs) memory.blobs.set(`${repository} ${digest}`, bytes);
      for (const target of [image.digest, ...tags])
        memory.manifests.set(`${repository} ${target}`, { bytes: image.manifest, mediaType: image.mediaType });
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
