/** Credentials as podman and docker write them: containers-auth.json(5) and docker's config.json. Pure. */
import { parseShape, shapeAt, textAt, textsOf, type Shape } from "./json-shape.ts";

export interface Credentials {
  readonly username: string;
  readonly secret: string;
  /** `identity`: the secret is a refresh token for the registry's token service. */
  readonly kind: "password" | "identity";
  /** File or helper they came from, for messages. */
  readonly source: string;
}

export interface AuthFile {
  readonly path: string;
  /** Registry to the name behind `docker-credential-`. */
  readonly helpers: Readonly<Record<string, string>>;
  readonly store: string | undefined;
  readonly entries: Shape;
}

/** Undefined when the text is no JSON object. */
export function parseAuthFile(path: string, text: string): AuthFile | undefined {
  const shape = text.trim() === "" ? {} : parseShape(text);
  if (shape === undefined) return undefined;
  const store = textAt(shape, "credsStore");
  return {
    path,
    helpers: textsOf(shapeAt(shape, "credHelpers")),
    store: store === "" ? undefined : store,
    entries: shapeAt(shape, "auths"),
  };
}

/** `registry/team/os`, `registry/team`, `registry`: the most specific first. */
export function credentialKeys(registry: string, repository: string): readonly string[] {
  const parts = repository.split("/");
  const scoped = parts.map((_, index) => `${registry}/${parts.slice(0, parts.length - index).join("/")}`);
  return [...scoped, registry];
}

/** The key that docker writes for a registry: `https://registry/v1/` means `registry`. */
function plainKey(key: string): string {
  const host = key.replace(/^https?:\/\//, "").replace(/\/(?:v[12]\/?)?$/, "");
  return host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host;
}

function credentialsOf(entry: Shape, source: string): Credentials | undefined {
  const decoded = Buffer.from(textAt(entry, "auth") ?? "", "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  const username = colon > 0 ? decoded.slice(0, colon) : (textAt(entry, "username") ?? "");
  const identity = textAt(entry, "identitytoken");
  if (identity !== undefined && identity !== "") return { username, secret: identity, kind: "identity", source };
  const secret = colon > 0 ? decoded.slice(colon + 1).replace(/\0+$/, "") : (textAt(entry, "password") ?? "");
  return username === "" || secret === "" ? undefined : { username, secret, kind: "password", source };
}

/** The most specific entry for a repository; entries without a secret (a helper has it) do not count. */
export function findCredentials(file: AuthFile, registry: string, repository: string): Credentials | undefined {
  const entries = Object.keys(file.entries);
  for (const wanted of credentialKeys(registry, repository)) {
    const exact = Object.hasOwn(file.entries, wanted) ? wanted : undefined;
    const key = exact ?? (wanted === registry ? entries.find((entry) => plainKey(entry) === registry) : undefined);
    const found = key === undefined ? undefined : credentialsOf(shapeAt(file.entries, key), file.path);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Helpers to ask, the one for this registry first. */
export function helpersFor(file: AuthFile, registry: string): readonly string[] {
  const own = Object.hasOwn(file.helpers, registry) ? file.helpers[registry] : undefined;
  return [own, file.store].filter((name, index, all) => name !== undefined && all.indexOf(name) === index) as string[];
}

/** What a helper printed for `get`; undefined when it has nothing. */
export function parseHelperAnswer(text: string, source: string): Credentials | undefined {
  const shape = parseShape(text);
  const username = shape && textAt(shape, "Username");
  const secret = shape && textAt(shape, "Secret");
  if (username === undefined || secret === undefined || secret === "") return undefined;
  return username === "<token>" ? { username, secret, kind: "identity", source } : { username, secret, kind: "password", source };
}
