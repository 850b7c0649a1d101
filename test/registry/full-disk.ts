/** Publishes 4 MiB into a store on a disk of 1 MiB, prints the message and what stays: run it in a mount namespace of its own. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { asFailure, describeFailure } from "../../provider/failure.ts";
import { images } from "../../provider/registry/images.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { makeImage, writeLayout } from "../fakes/oci-layout.ts";

const [folder = ""] = process.argv.slice(2);
const storeDirectory = join(folder, "store");
mkdirSync(storeDirectory);
execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", storeDirectory]);
const layoutDirectory = await writeLayout(join(folder, "layout"), makeImage({ layers: [Buffer.alloc(4 * 1024 ** 2, "x")] }));
const repository = { registry: "local", repository: "os" };
const signal = new AbortController().signal;
try {
  await images({ storeDirectory, runProgram }).publish({ layoutDirectory, repository, tags: [], signal, onProgress: () => undefined });
} catch (error) {
  const partial = readdirSync(join(storeDirectory, "blobs", "sha256")).filter((name) => name.includes("partial"));
  process.stdout.write(`${describeFailure(asFailure(error))}\npartial files: ${partial.length}\n`);
}
