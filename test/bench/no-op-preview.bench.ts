/**
 * `pulumi preview` of an image that is up and whose context of 10,000 files and 1 GiB has not changed: ours and
 * pulumi-docker-build's. Both must find nothing to do. All files are in the page cache.
 */
import { lstatSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildContexts } from "../../provider/context/build-contexts.ts";
import { openWorkspace } from "../e2e/engine.ts";
import type { Workspace } from "../e2e/engine.ts";
import { writeContextFiles } from "./context-files.ts";
import { bringUp, succeed } from "./docker-build-state.ts";
import { given, inTurns, secondsOf } from "./measure.ts";
import { formatRow } from "./table.ts";

const launcherFolder = new URL("../../provider", import.meta.url).pathname;
const folder = await mkdtemp(join(tmpdir(), "bootable-bench-"));
const context = join(folder, "context");
const cacheHome = join(folder, "cache");

try {
  const paths = await writeContextFiles(context);
  await measurePreviews(paths);
  await measureReading(paths);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measurePreviews(paths: readonly string[]): Promise<void> {
  const ours = await oursUp();
  const theirs = await theirsUp(paths);
  const empty = await openWorkspace({ project: "empty", plugins: { bootable: launcherFolder }, root: join(folder, "empty") });
  await succeed(empty, "up", "--yes", "--skip-preview");
  const preview = (workspace: Workspace) => () => secondsOf(() => succeed(workspace, "preview", "--expect-no-changes"));
  const took = await inTurns(3, {
    cold: async () => {
      await rm(cacheHome, { recursive: true, force: true });
      return preview(ours)();
    },
    warm: preview(ours),
    theirs: preview(theirs),
    empty: preview(empty),
  });
  const other = { name: "pulumi-docker-build", took: took.theirs };
  console.log(
    formatRow({ what: "`pulumi preview` that compares a context of 10,000 files, 1 GiB, and finds no change", ours: took.warm, other }),
  );
  console.log(formatRow({ what: "the same, the first on a computer (no stat cache)", ours: took.cold, other }));
  console.log(
    formatRow({
      what: "the same, against the engine alone",
      ours: took.warm,
      other: { name: "`pulumi preview` of nothing", took: took.empty },
    }),
  );
}

/** What of a preview is ours, held against its floor. */
async function measureReading(paths: readonly string[]): Promise<void> {
  const contexts = buildContexts({ cacheDirectory: join(folder, "stat-cache") });
  const request = { context, buildArgs: {}, platforms: ["linux/amd64"], signal: new AbortController().signal };
  await contexts.read(request);
  const took = await inTurns(7, {
    read: () => secondsOf(() => contexts.read(request)),
    stats: () => secondsOf(() => paths.forEach((path) => lstatSync(join(context, path)))),
  });
  console.log(
    formatRow({ what: "reading that unchanged context", ours: took.read, other: { name: "lstat of each file", took: took.stats } }),
  );
}

/** The builder's storage goes with the folder; vfs leaves no mount in it. */
async function oursUp(): Promise<Workspace> {
  const storage = join(folder, "storage");
  const settings = `[storage]\ndriver = "vfs"\ngraphroot = "${storage}/root"\nrunroot = "${storage}/run"\n`;
  await mkdir(storage);
  await writeFile(join(storage, "storage.conf"), settings);
  const environment = {
    XDG_CACHE_HOME: cacheHome,
    XDG_DATA_HOME: join(folder, "data"),
    XDG_STATE_HOME: join(folder, "state"),
    CONTAINERS_STORAGE_CONF: join(storage, "storage.conf"),
  };
  const workspace = await openWorkspace({
    project: "ours",
    plugins: { bootable: launcherFolder },
    environment,
    root: join(folder, "ours"),
  });
  workspace.program(`resources:\n  image: { type: "bootable:index:Image", properties: { context: ${JSON.stringify(context)} } }\n`);
  await succeed(workspace, "up", "--yes", "--skip-preview");
  return workspace;
}

async function theirsUp(paths: readonly string[]): Promise<Workspace> {
  const plugins = { "docker-build": given("BOOTABLE_DOCKER_BUILD") };
  const environment = { DOCKER_CONFIG: join(folder, "docker") };
  const workspace = await openWorkspace({ project: "theirs", plugins, environment, root: join(folder, "theirs") });
  await bringUp(workspace, context, paths);
  return workspace;
}
