/** A Debian root and what becomes of it: identical, with another last layer, with packages updated, with files changed here and there. */
import { createReadStream } from "node:fs";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { Layer } from "../../provider/resources/ports.ts";
import { floorInPlace, numbersFrom, regularFiles, rewrite, scattered, wholeDirectories } from "./changed-blocks.ts";
import { sha256 } from "./layered-image.ts";
import { output } from "./scratch.ts";
import { tar, type TarInput } from "./tar-writer.ts";

export interface ChangedRoot {
  readonly name: string;
  readonly before: readonly Layer[];
  readonly after: readonly Layer[];
  /** In blocks of 512 KiB; undefined where files are added. */
  readonly floor?: number;
  /** A tar archive of the files that changed. */
  readonly top?: string;
}

/** `folder` holds the unpacked root afterwards, in `root`, and a top layer for each change. Needs root's rights. */
export async function changedRoots(folder: string, baseTar: string): Promise<readonly ChangedRoot[]> {
  const root = join(folder, "root");
  await mkdir(root);
  await output("tar", ["--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--directory", root, "--file", baseTar]);
  const base = await layerOf(baseTar);
  const files = regularFiles(root);
  const changed = async (name: string, choose: typeof scattered, seed: number): Promise<ChangedRoot> => {
    // The kernel and what it starts from are on the disk twice; an update of them is a matter of its own.
    const chosen = choose(
      files.filter(({ path }) => !path.startsWith("boot/")),
      0.02,
      numbersFrom(seed),
    );
    const top = join(folder, `${name} ${seed}`);
    await rewrite(root, chosen, { folder: top, next: numbersFrom(seed) });
    const paths = join(folder, "paths");
    await writeFile(paths, chosen.map(({ path }) => `${path}\n`).join(""));
    await output("tar", ["--create", "--numeric-owner", "--directory", top, "--file", `${top}.tar`, "--files-from", paths]);
    return {
      name,
      before: [base],
      after: [base, await layerOf(`${top}.tar`)],
      floor: floorInPlace(files, new Set(chosen)),
      top: `${top}.tar`,
    };
  };
  const roots: ChangedRoot[] = [
    { name: changes.nothing, before: [base], after: [base], floor: 0 },
    { name: changes.lastLayer, before: [base, lastLayer(1)], after: [base, lastLayer(2)] },
  ];
  for (const seed of [1, 2, 3]) {
    roots.push(await changed(changes.packages, wholeDirectories, seed));
    roots.push(await changed(changes.scattered, scattered, seed));
  }
  return roots;
}

export const changes = {
  nothing: "nothing changed",
  lastLayer: "another last layer",
  packages: "2% of the files rewritten, in whole directories",
  scattered: "2% of the files rewritten, scattered",
} as const;

/** What teams put on top: a service, its configuration and some files of its own, all of which a new version changes. */
function lastLayer(version: number): Layer {
  const own = Array.from({ length: 20 }, (_, index) => ({
    path: `srv/app/file-${index}`,
    content: `${version} `.repeat(1000 * index + 100 * version),
  }));
  const entries: TarInput[] = [
    { path: "etc/systemd/system/app.service", content: `[Service]\nExecStart=/srv/app/file-1\n# version ${version}\n` },
    { path: "etc/motd", content: `version ${version}\n` },
    { path: "usr/local/bin/app", content: Buffer.alloc(3_000_000 + 50_000 * version, version), mode: 0o755 },
    ...own,
  ];
  const bytes = tar(entries);
  return { ...plain(`last layer ${version}`, bytes.length), open: () => Readable.from([bytes]) };
}

async function layerOf(path: string): Promise<Layer> {
  return { ...plain(path, (await stat(path)).size), open: () => createReadStream(path, { highWaterMark: 1 << 20 }) };
}

function plain(name: string, sizeBytes: number): Omit<Layer, "open"> {
  return { digest: sha256(name), mediaType: "application/vnd.oci.image.layer.v1.tar", sizeBytes };
}
