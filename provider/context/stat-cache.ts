/**
 * Remembers content hashes by what `lstat` says of a file, so that an unchanged context costs its stats only.
 * Nothing is right because of it: what is doubtful is left out, and what cannot be read is not there.
 */
import { createHash } from "node:crypto";
import { readFileSync, type BigIntStats } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../storage/atomic-file.ts";

/**
 * A file that was touched less than this before its hashing began may be changed once more within the same tick of its
 * file system's clock, and look the same: it is not remembered. FAT has the coarsest clock in use, two seconds.
 */
const racyMilliseconds = 2_500;
/** Entries that other images of the same context left, beside those in use. */
const spareEntries = 20_000;
const keepFiles = 64;
const keepMilliseconds = 30 * 24 * 3600 * 1000;
const header = "bootable stat cache 1";

export interface StatCacheOptions {
  /** Holds one file per context. */
  readonly directory: string;
  /** Absolute path of the context. */
  readonly root: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class StatCache {
  readonly now: () => number;
  readonly #directory: string;
  readonly #path: string;
  readonly #loaded: Map<string, string>;
  readonly #added = new Map<string, string>();
  readonly #found: string[] = [];

  constructor({ directory, root, now }: StatCacheOptions) {
    this.now = now;
    this.#directory = directory;
    this.#path = join(directory, `${createHash("sha256").update(root).digest("hex").slice(0, 32)}.stats`);
    this.#loaded = load(this.#path, now());
  }

  find(identity: string): string | undefined {
    const hash = this.#loaded.get(identity);
    if (hash !== undefined) this.#found.push(identity);
    return hash;
  }

  /** `startedAt`: when reading began, by `now`. */
  add(file: BigIntStats, read: { readonly hash: string; readonly startedAt: number }): void {
    const touchedAt = Number((file.mtimeNs > file.ctimeNs ? file.mtimeNs : file.ctimeNs) / 1_000_000n);
    if (read.startedAt - touchedAt > racyMilliseconds) this.#added.set(identityOf(file), read.hash);
  }

  /** Writes what is new. A cache that cannot be written costs time only, so it says nothing. */
  async save(): Promise<void> {
    if (this.#added.size === 0) return;
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await replaceFile(this.#path, format(this.#entries(), this.now()));
      await removeOld(this.#directory, this.now());
    } catch {
      return;
    }
  }

  /** The longest unused first: those are left out when there are too many. */
  #entries(): readonly (readonly [string, string])[] {
    const used = new Map(this.#found.map((key) => [key, this.#loaded.get(key) ?? ""]));
    const unused = [...this.#loaded].filter(([key]) => !used.has(key)).slice(-spareEntries);
    return [...unused, ...used, ...this.#added];
  }
}

/** What no file keeps when its content changes. */
export function identityOf(file: BigIntStats): string {
  return `${file.dev}:${file.ino}:${file.size}:${file.mtimeNs}:${file.ctimeNs}`;
}

function format(entries: readonly (readonly [string, string])[], savedAt: number): string {
  const body = `${header} ${savedAt}\n${entries.map(([key, hash]) => `${key} ${hash}\n`).join("")}`;
  return `${body}${createHash("sha256").update(body).digest("hex")}\n`;
}

/** Empty unless the file is whole, ours, and from the past: after the clock went back, times in it mean nothing. */
function load(path: string, now: number): Map<string, string> {
  const entries = new Map<string, string>();
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return entries;
  }
  const body = text.slice(0, -65);
  if (text.slice(-65) !== `${createHash("sha256").update(body).digest("hex")}\n`) return entries;
  const lines = body.split("\n");
  const savedAt = Number(lines[0]?.slice(header.length));
  if (lines[0]?.startsWith(`${header} `) !== true || !(savedAt <= now)) return entries;
  for (const line of lines.slice(1, -1)) entries.set(line.slice(0, -65), line.slice(-64));
  return entries;
}

/** Contexts that nobody reads any more. */
async function removeOld(directory: string, now: number): Promise<void> {
  const files = await Promise.all(
    (await readdir(directory)).map(async (name) => ({
      path: join(directory, name),
      changedAt: (await stat(join(directory, name))).mtimeMs,
    })),
  );
  const newestFirst = files.toSorted((a, b) => b.changedAt - a.changedAt);
  const old = newestFirst.filter(({ changedAt }, index) => index >= keepFiles || now - changedAt > keepMilliseconds);
  await Promise.all(old.map(({ path }) => rm(path, { force: true })));
}
