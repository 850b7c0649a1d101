/** A process that publishes images into a store and removes every other one: `store-user.ts <store> <name> <count>`. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { images } from "../../provider/registry/images.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { makeImage, writeLayout } from "../fakes/oci-layout.ts";

const [storeDirectory = "", name = "", count = "0"] = process.argv.slice(2);
const repository = { registry: "local", repository: "os" };
const signal = new AbortController().signal;
const store = images({ storeDirectory, runProgram });
const folder = await mkdtemp(join(tmpdir(), "bootable-store-user-"));
let kept = 0;
try {
  for (let index = 0; index < Number(count) * 2; index += 1) {
    // Both processes share the base layer, and remove images that have it all the time.
    const layers = [Buffer.alloc(2_000_000, "shared by all"), Buffer.from(`${name} ${index}`)];
    const layoutDirectory = await writeLayout(join(folder, String(index)), makeImage({ layers }));
    const { digest } = await store.publish({
      layoutDirectory,
      repository,
      tags: [`${name}-${index}`],
      signal,
      onProgress: () => undefined,
    });
    if (index % 2 === 0) await store.remove({ ...repository, digest }, signal);
    else kept += 1;
  }
} finally {
  await rm(folder, { recursive: true });
}
process.stdout.write(`${name} kept ${kept}\n`);
