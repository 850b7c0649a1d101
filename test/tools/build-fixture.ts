/** Small real builds: a container storage of their own, a context with a static busybox, and readers of the result. */
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { BuildRequest } from "../../provider/resources/ports.ts";

export interface Room {
  readonly directory: string;
  /** Variables that point builders at the room's own storage. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A folder with a container storage in it, so that no test sees or changes the one of the user. */
export function makeRoom(): Room {
  const directory = mkdtempSync(join(tmpdir(), "builders-"));
  const storage = join(directory, "storage.conf");
  // Without a mount of its own the storage can simply be removed.
  const options = ["[storage.options.overlay]", 'skip_mount_home = "true"'];
  const lines = ["[storage]", 'driver = "overlay"', `graphroot = "${directory}/graph"`, `runroot = "${directory}/run"`, ...options];
  writeFileSync(storage, lines.join("\n"));
  const isolation = process.env["BUILDAH_ISOLATION"] ?? "chroot";
  return { directory, environment: { CONTAINERS_STORAGE_CONF: storage, BUILDAH_ISOLATION: isolation } };
}

const busybox = "/bin/busybox";

/** A context with /busybox and the files given; modes as the umask has them. */
export function makeContext(directory: string, files: Readonly<Record<string, string>> = {}): string {
  if (!existsSync(busybox)) throw new Error(`the tests of builders need ${busybox}: install busybox-static`);
  mkdirSync(directory, { recursive: true });
  copyFileSync(busybox, join(directory, "busybox"));
  chmodSync(join(directory, "busybox"), 0o755);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

/** The lines that make a shell of busybox (SHELL counts in Docker's format only), then the others. */
export function containerfile(...lines: readonly string[]): string {
  return ["FROM scratch", "COPY busybox /bin/busybox", "COPY busybox /bin/sh", ...lines, ""].join("\n");
}

export function makeRequest(room: Room, context: string, more: Partial<BuildRequest> = {}): BuildRequest {
  return {
    builder: "buildah",
    context,
    containerfileText: containerfile(),
    containerfile: "Containerfile",
    buildArgs: {},
    platforms: [],
    labels: {},
    secrets: {},
    redact: [],
    layoutDirectory: mkdtempSync(join(room.directory, "layout-")),
    signal: new AbortController().signal,
    onLine: () => undefined,
    ...more,
  };
}

interface Descriptor {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string };
}

export interface Configuration {
  readonly architecture: string;
  readonly created: string;
  readonly config: { readonly Labels?: Readonly<Record<string, string>> };
  readonly history: readonly { readonly created_by?: string }[];
}

/** A blob, its digest and size verified. */
export function blob(layout: string, { digest, size }: Descriptor): Buffer {
  const bytes = readFileSync(join(layout, "blobs", ...digest.split(":")));
  const found = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (found !== digest || bytes.length !== size) throw new Error(`${digest} has the digest ${found} and ${bytes.length} bytes`);
  return bytes;
}

/** The one entry of the layout's index. */
export function onlyEntry(layout: string): Descriptor {
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as { manifests: Descriptor[] };
  const [entry, ...more] = index.manifests;
  if (entry === undefined || more.length > 0) throw new Error(`one entry was expected, not ${index.manifests.length}`);
  return entry;
}

/** The images under the one entry: itself, or those of the index that it is. */
export function images(layout: string): readonly { readonly configuration: Configuration; readonly layers: readonly Buffer[] }[] {
  const entry = onlyEntry(layout);
  const read = (descriptor: Descriptor): unknown => JSON.parse(blob(layout, descriptor).toString());
  const manifests = entry.mediaType.includes("index") ? (read(entry) as { manifests: Descriptor[] }).manifests : [entry];
  return manifests.map((manifest) => {
    const { config, layers } = read(manifest) as { config: Descriptor; layers: Descriptor[] };
    return { configuration: read(config) as Configuration, layers: layers.map((layer) => gunzipSync(blob(layout, layer))) };
  });
}

/** Type, name, mode, owner and time of each entry of an uncompressed tar. */
export function tarEntries(tar: Buffer): readonly string[] {
  const entries: string[] = [];
  const text = (from: number, length: number): string =>
    tar
      .subarray(from, from + length)
      .toString()
      .replace(/\0.*$/s, "")
      .trim();
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const size = Number.parseInt(text(at + 124, 12), 8) || 0;
    const [mode, uid, mtime] = [text(at + 100, 8), text(at + 108, 8), text(at + 136, 12)].map((field) => Number.parseInt(field, 8));
    const type = String.fromCodePoint(tar[at + 156] ?? 0);
    entries.push(`${type} ${text(at, 100)} ${((mode ?? 0) & 0o7777).toString(8)} ${uid} ${mtime}`);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return entries;
}

/** Every byte of a layout, uncompressed, as one text to search in. */
export function everything(layout: string): string {
  const configurations = readdirSync(join(layout, "blobs", "sha256")).map((name) =>
    readFileSync(join(layout, "blobs", "sha256", name), "latin1"),
  );
  const layers = images(layout).flatMap((image) => image.layers.map((layer) => layer.toString("latin1")));
  return [...configurations, ...layers].join("\n");
}
