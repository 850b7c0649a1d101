/** The Pulumi CLI and its language hosts: from PATH, or built once from the Go modules pinned in test/tools. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { buildCache, checkout, output, run } from "./run.mjs";

const version = "3.259.0";
const linkVersion = `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${version}`;

/** Program, the folder with its pins, its package, and the flags it needs. */
const programs = [
  { name: "pulumi", pins: "pulumi", package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", flags: ["-tags", "grpcnotrace", "-ldflags", linkVersion] },
  { name: "pulumi-language-yaml", pins: "pulumi", package: "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml", flags: ["-ldflags", "-s -w"] },
  { name: "sdkgen", pins: "pulumi", package: "./sdkgen", flags: ["-ldflags", "-s -w"], sources: ["sdkgen/main.go"] },
  {
    name: "pulumi-language-nodejs",
    pins: "pulumi-language-nodejs",
    package: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
    flags: ["-ldflags", "-s -w"],
  },
];

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
  if ((await output(["go", "version"])) === undefined) throw new Error("Go is needed to build the Pulumi CLI, and none is on PATH.\nfix: install Go 1.21 or newer (apt install golang), or install Pulumi itself.");
  const partial = `${path}.partial-${process.pid}`;
  await mkdir(join(path, ".."), { recursive: true });
  try {
    await run(["go", "build", ...program.flags, "-o", partial, program.package], { log: `go-${program.name}`, cwd: folderOf(program.pins) });
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
}

/**
 * Folders to put on PATH so that the programs named (default: all) are found.
 * @returns {Promise<{ did: string, folders: string[] }>}
 */
export async function providePulumi() {
  const folders = [];
  const built = [];
  const onPath = (await output(["pulumi", "version"])) !== undefined && (await output(["which", "pulumi-language-yaml"])) !== undefined;
  for (const program of programs.filter(({ name }) => !onPath || name === "sdkgen")) {
    const path = await cachedPath(program);
    if (!existsSync(path)) {
      await build(program, path);
      built.push(program.name);
    }
    folders.push(join(path, ".."));
  }
  return { did: built.length === 0 ? "unchanged" : `built ${built.join(", ")}`, folders };
}
