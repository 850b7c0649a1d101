/** A real registry (Debian's docker-registry) on a port of the kernel's choice, in a folder of its own. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const registryUser = { username: "kiosk", password: "kiosk-secret" } as const;
/** bcrypt of the password above, as htpasswd writes it. */
const passwordHash = "$2b$04$2IdmWzpIToUREqv3SGa1QOfhXhfpUoq/rio6X9X0fnT37mNGQtNLC";

export interface RegistryOptions {
  /** Asks for `registryUser` by Basic authentication. */
  readonly auth?: boolean;
  /** Speaks TLS with a certificate of an authority made for it. */
  readonly tls?: boolean;
  /** With `tls`: only clients with a certificate of the same authority. */
  readonly clientCertificates?: boolean;
  /** Default true. */
  readonly allowDelete?: boolean;
  /** Folder that is kept; left out: one that goes with the registry. */
  readonly directory?: string;
  /** Left out: the kernel chooses. */
  readonly port?: number;
}

export interface RealRegistry {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** PEM file of the authority, with `tls`. */
  readonly authority: string;
  /** A folder for XDG_CONFIG_HOME: registries.conf (insecure without TLS), certs.d with the authority, auth.json. */
  readonly configHome: string;
  stop(): Promise<void>;
}

/** An authority, and certificates of it for the server at 127.0.0.1 and for a client. */
function makeCertificates(folder: string): void {
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=test authority",
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
  );
  for (const name of ["server", "client"]) {
    const [key, request, certificate] = [`${name}.key`, `${name}.csr`, name === "client" ? "client.cert" : "server.crt"];
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${name}`, "-keyout", key, "-out", request);
    const signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-days", "2", "-extfile", "names.ext"];
    openssl("x509", "-req", "-in", request, "-out", certificate, ...signing);
  }
}

function tlsConfig(folder: string, clientCertificates: boolean): object {
  const certificates = { certificate: join(folder, "server.crt"), key: join(folder, "server.key") };
  return clientCertificates ? { ...certificates, clientcas: [join(folder, "ca.crt")] } : certificates;
}

async function writeConfig(folder: string, options: RegistryOptions): Promise<string> {
  await mkdir(join(folder, "data"), { recursive: true });
  await writeFile(join(folder, "htpasswd"), `${registryUser.username}:${passwordHash}\n`);
  await writeFile(join(folder, "names.ext"), "subjectAltName=IP:127.0.0.1\n");
  if (options.tls === true) makeCertificates(folder);
  const config = {
    version: 0.1,
    log: { level: "info" },
    storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: options.allowDelete !== false } },
    http: {
      addr: `127.0.0.1:${options.port ?? 0}`,
      secret: "for tests",
      ...(options.tls === true ? { tls: tlsConfig(folder, options.clientCertificates === true) } : {}),
    },
    ...(options.auth === true ? { auth: { htpasswd: { realm: "test", path: join(folder, "htpasswd") } } } : {}),
  };
  const path = join(folder, "config.yml");
  // JSON is YAML.
  await writeFile(path, JSON.stringify(config));
  return path;
}

/** The port that the kernel gave, from the registry's log. */
function listeningPort(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    const reader = createInterface({ input: child.stderr! });
    reader.on("line", (line) => {
      lines.push(line);
      const port = /listening on 127\.0\.0\.1:([0-9]+)/.exec(line)?.[1];
      if (port !== undefined) resolve(port);
    });
    child.once("error", () => reject(new Error("docker-registry is not there; apt install docker-registry")));
    child.once("exit", (code) => reject(new Error(`docker-registry ended with ${code}:\n${lines.join("\n")}`)));
  });
}

/** Writes what podman would keep in ~/.config/containers for a registry. */
export async function writeContainersConfig(
  folder: string,
  registry: {
    readonly host: string;
    readonly authority?: string;
    readonly login?: { readonly username: string; readonly password: string };
  },
): Promise<string> {
  const containers = join(folder, "config", "containers");
  await mkdir(join(containers, "certs.d", registry.host), { recursive: true });
  const insecure = registry.authority === undefined;
  await writeFile(join(containers, "registries.conf"), `[[registry]]\nlocation = "${registry.host}"\ninsecure = ${insecure}\n`);
  if (registry.authority !== undefined) await copyFile(registry.authority, join(containers, "certs.d", registry.host, "ca.crt"));
  if (registry.login !== undefined) {
    const auth = Buffer.from(`${registry.login.username}:${registry.login.password}`).toString("base64");
    await writeFile(join(containers, "auth.json"), JSON.stringify({ auths: { [registry.host]: { auth } } }));
  }
  return join(folder, "config");
}

export async function startRegistry(options: RegistryOptions = {}): Promise<RealRegistry> {
  const folder = options.directory ?? (await mkdtemp(join(tmpdir(), "bootable-registry-")));
  await mkdir(folder, { recursive: true });
  const child = spawn("docker-registry", ["serve", await writeConfig(folder, options)], { stdio: ["ignore", "ignore", "pipe"] });
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    if (child.exitCode === null && child.pid !== undefined && child.kill()) await ended;
    if (options.directory === undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    const host = `127.0.0.1:${await listeningPort(child)}`;
    const authority = join(folder, "ca.crt");
    const configHome = await writeContainersConfig(folder, {
      host,
      ...(options.tls === true ? { authority } : {}),
      ...(options.auth === true ? { login: registryUser } : {}),
    });
    for (const name of options.clientCertificates === true ? ["client.cert", "client.key"] : []) {
      await copyFile(join(folder, name), join(configHome, "containers", "certs.d", host, name));
    }
    return { host, authority, configHome, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
