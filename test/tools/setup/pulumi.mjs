/** The Pulumi CLI and its language hosts: from PATH, or built once from the Go modules pinned in test/tools. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { link, mkdir, readFile, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { buildCache, checkout, output, run } from "./run.mjs";

const version = "3.259.0";
const linkVersion = `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${version}`;

/** Program, the folder with its pins, its package, and the flags it needs. */
const programs = [
  {
    name: "pulumi",
    pins: "pulumi",
    package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    flags: ["-tags", "grpcnotrace", "-ldflags", linkVersion],
  },
  {
    name: "pulumi-language-yaml",
    pins: "pulumi",
    package: "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
    flags: ["-ldflags", "-s -w"],
  },
  { name: "sdkgen", pins: "pulumi", package: "./sdkgen", flags: ["-ldflags", "-s -w"], sources: ["sdkgen/main.go"] },
  {
    name: "pulumi-language-nodejs",
    pins: "pulumi-language-nodejs",
    package: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
    flags: ["-ldflags", "-s -w"],
  },
];

/** What benchmarks hold a preview against. */
const peer = {
  name: "pulumi-resource-docker-build",
  pins: "pulumi-docker-build",
  package: "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build",
  flags: ["-ldflags", "-s -w"],
  sources: ["stubs/dotnet/codegen/codegen.go", "stubs/java/pkg/codegen/java/java.go"],
};

function folderOf(pins) {
  return join(checkout, "test", "tools", pins);
}

/** The cached file's name changes with the pins, so that an old one is never used. */
async function cachedPath(program) {
  const hash = createHash("sha256").update(JSON.stringify([program.package, program.flags]));
  for (const file of ["go.mod", "go.sum", ...(program.sources ?? [])]) hash.update(await readFile(join(folderOf(program.pins), file)));
  return join(buildCache, "go", hash.digest("hex").slice(0, 16), program.name);
}

/** Debian's own Go may be older than the pins ask for; it then fetches the right one from the module proxy. */
async function build(program, path) {
  const partial = `${path}.partial-${process.pid}`;
  await mkdir(join(path, ".."), { recursive: true });
  try {
    await run(["go", "build", ...program.flags, "-o", partial, program.package], {
      log: `go-${program.name}`,
      cwd: folderOf(program.pins),
    });
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
}

/**
 * The program in the cache, built now unless it is there.
 * @returns {Promise<{ folder: string, built: boolean }>}
 */
async function provide(program) {
  const path = await cachedPath(program);
  const missing = !existsSync(path);
  if (missing) await build(program, path);
  return { folder: join(path, ".."), built: missing };
}

async function isInstalled() {
  return (await output(["pulumi", "version"])) !== undefined && (await output(["which", "pulumi-language-yaml"])) !== undefined;
}

/** What stands in the way of building, as messages; nothing where the CLI is installed. */
export async function missingPulumi() {
  if ((await isInstalled()) || (await output(["go", "version"])) !== undefined) return [];
  return [
    "Neither Pulumi (pulumi and pulumi-language-yaml) nor Go, which builds them, is on PATH.\nfix: install Go 1.21 or newer (apt-get install golang), or Pulumi itself.",
  ];
}

/** One folder with all of them: the CLI warns about a language host that it finds on PATH and not beside itself. */
async function together(paths) {
  const name = createHash("sha256").update(paths.join("\n")).digest("hex").slice(0, 16);
  const folder = join(buildCache, "bin", name);
  await mkdir(folder, { recursive: true });
  for (const path of paths) {
    const linked = join(folder, basename(path));
    if (!existsSync(linked)) await link(path, linked);
  }
  return folder;
}

/**
 * The folder to put on PATH so that the CLI, its language hosts and the SDK generator are found.
 * @param {string[]} [wanted] names of programs; left out: all
 * @returns {Promise<{ did: string, folder: string }>}
 */
export async function providePulumi(wanted) {
  const paths = [];
  const built = [];
  const installed = await isInstalled();
  const needed = programs.filter(({ name }) => (wanted?.includes(name) ?? true) && (!installed || name === "sdkgen"));
  for (const program of needed) {
    const provided = await provide(program);
    paths.push(join(provided.folder, program.name));
    if (provided.built) built.push(program.name);
  }
  return { did: built.length === 0 ? "unchanged" : `built ${built.join(", ")}`, folder: await together(paths) };
}

/**
 * The folder of the peer's plugin.
 * @returns {Promise<{ did: string, folder: string }>}
 */
export async function providePeer() {
  const { folder, built } = await provide(peer);
  return { did: built ? "built" : "unchanged", folder };
}
