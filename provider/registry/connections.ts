/** Kept-open connections, one pool per server, with the certificates that podman and docker would use for it. */
import { Agent as HttpAgent, type AgentOptions } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { containersFolder, filesIn, type Environment } from "./surroundings.ts";

/** Sockets to one server at once. */
const maxSockets = 8;

let trusted: string[] | undefined;

/** Node's own authorities and the system's: a company's authority is where the system keeps it. */
function trustedAuthorities(): string[] {
  trusted ??= [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
  return trusted;
}

/** The first folder that exists for the server: `ca.crt` authorities, `client.cert` beside `client.key`. */
async function certificateFiles(
  host: string,
  environment: Environment,
): Promise<{ readonly folder: string; readonly names: readonly string[] }> {
  const roots = [containersFolder(environment), "/etc/containers", "/etc/docker"];
  for (const root of roots) {
    const folder = join(root, "certs.d", host);
    const names = await filesIn(folder);
    if (names.length > 0) return { folder, names };
  }
  return { folder: "", names: [] };
}

async function secureContextFor(host: string, environment: Environment): Promise<SecureContext> {
  const { folder, names } = await certificateFiles(host, environment);
  const authorities = names.filter((name) => name.endsWith(".crt"));
  const client = names.find((name) => name.endsWith(".cert") && names.includes(name.replace(/\.cert$/, ".key")));
  const own = await Promise.all(authorities.map((name) => readFile(join(folder, name), "utf8")));
  return createSecureContext({
    ca: [...trustedAuthorities(), ...own],
    ...(client === undefined
      ? {}
      : { cert: await readFile(join(folder, client)), key: await readFile(join(folder, client.replace(/\.cert$/, ".key"))) }),
  });
}

/** Loopback is never behind a proxy, whatever the variables say, as with podman. */
function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.[0-9.]+$/.test(hostname);
}

export class Connections {
  readonly #environment: Environment;
  readonly #agents = new Map<string, Promise<HttpAgent>>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** `verified: false` takes any certificate; only for a registry that is configured insecure. */
  agent(url: URL, verified: boolean): Promise<HttpAgent> {
    const key = `${url.protocol}//${url.host} ${verified}`;
    const agent = this.#agents.get(key) ?? this.#make(url, verified);
    this.#agents.set(key, agent);
    return agent;
  }

  async #make(url: URL, verified: boolean): Promise<HttpAgent> {
    const options: AgentOptions = {
      keepAlive: true,
      maxSockets,
      ...(isLoopback(url.hostname) ? {} : { proxyEnv: this.#environment }),
    };
    if (url.protocol === "http:") return new HttpAgent(options);
    const secureContext = await secureContextFor(url.host, this.#environment);
    return new HttpsAgent({ ...options, secureContext, rejectUnauthorized: verified });
  }
}
