/** Pushing an image of 500 MiB to a registry on this computer, against skopeo; each time to an empty one. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { images } from "../../provider/registry/images.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { startRegistry, type RealRegistry } from "../fakes/docker-registry.ts";
import { makeImage, writeLayout } from "../fakes/oci-layout.ts";
import { inTurns, run, secondsOf } from "./measure.ts";
import { formatRow } from "./table.ts";

const signal = new AbortController().signal;
const folder = await mkdtemp(join(tmpdir(), "bootable-bench-"));
const layoutDirectory = join(folder, "layout");

try {
  await writeLayout(layoutDirectory, makeImage({ layers: [randomBytes(500 * 1024 ** 2)] }));
  const took = await inTurns(3, { ours: () => withRegistry(publish), theirs: () => withRegistry(copy) });
  console.log(formatRow({ what: "push an image of 500 MiB", ours: took.ours, other: { name: "skopeo copy", took: took.theirs } }));
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Seconds of the work alone. */
async function withRegistry(push: (registry: RealRegistry) => Promise<unknown>): Promise<number> {
  const registry = await startRegistry();
  try {
    return await secondsOf(() => push(registry));
  } finally {
    await registry.stop();
  }
}

function publish({ host, configHome }: RealRegistry): Promise<unknown> {
  const environment = { ...process.env, XDG_CONFIG_HOME: configHome };
  const store = images({ storeDirectory: join(folder, "store"), runProgram, environment });
  const repository = { registry: host, repository: "bench/large" };
  return store.publish({ layoutDirectory, repository, tags: ["v1"], signal, onProgress: () => undefined });
}

/** As it is: otherwise skopeo compresses the layer first. */
function copy({ host }: RealRegistry): Promise<unknown> {
  return run("skopeo", [
    "copy",
    "--preserve-digests",
    "--dest-tls-verify=false",
    `oci:${layoutDirectory}`,
    `docker://${host}/bench/large:v1`,
  ]);
}
