/** A process of its own that moves one large layer: `large-image.ts <config home> <registry> <folder> <MiB>`; prints what it took. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { images } from "../../provider/registry/images.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { makeImage, sha256, writeLayout } from "../fakes/oci-layout.ts";

const [configHome = "", registry = "", folder = "", mebibytes = "0"] = process.argv.slice(2);
const signal = new AbortController().signal;
const onProgress = (): void => undefined;
const repository = { registry, repository: "team/large" };

/** Writes the layer piece by piece and corrects the manifest, so that this process never holds it. */
async function writeLargeLayout(directory: string): Promise<void> {
  const hash = createHash("sha256");
  await mkdir(join(directory, "blobs", "sha256"), { recursive: true });
  const path = join(directory, "layer");
  {
    await using file = await open(path, "w");
    for (let index = 0; index < Number(mebibytes); index += 1) {
      const piece = randomBytes(1024 ** 2);
      hash.update(piece);
      await file.write(piece);
    }
  }
  const digest = `sha256:${hash.digest("hex")}` as const;
  const small = makeImage({ layers: [Buffer.from("x")] });
  const sizeBytes = Number(mebibytes) * 1024 ** 2;
  const text = small.manifest.toString().replace(`"${sha256("x")}","size":1`, `"${digest}","size":${sizeBytes}`);
  const manifest = Buffer.from(text);
  await writeLayout(directory, { ...small, manifest, digest: sha256(manifest) });
  await rename(path, join(directory, "blobs", "sha256", digest.slice(7)));
}

const environment = { ...process.env, XDG_CONFIG_HOME: configHome };
const at = (name: string) => images({ storeDirectory: join(folder, name), runProgram, environment });
const layoutDirectory = join(folder, "layout");
await writeLargeLayout(layoutDirectory);
const before = process.resourceUsage().maxRSS;
const times: Record<string, number> = {};
async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  times[name] = Math.round(performance.now() - start) / 1000;
  return result;
}
const one = at("one");
const { digest } = await timed("push", () => one.publish({ layoutDirectory, repository, tags: ["v1"], signal, onProgress }));
await timed("push again", () => one.publish({ layoutDirectory, repository, tags: ["v1"], signal, onProgress }));
const platform = { os: "linux", architecture: "amd64" };
const opened = await timed("fetch", () => at("two").open({ ...repository, digest }, platform, { signal, onProgress }));
await timed("read", async () => {
  for await (const _ of opened.layers[0]!.open()) continue;
});
const local = { registry: "local", repository: "large" };
await timed("store", () => at("three").publish({ layoutDirectory, repository: local, tags: ["v1"], signal, onProgress }));
const growthMebibytes = Math.round((process.resourceUsage().maxRSS - before) / 1024);
await writeFile(join(folder, "figures.json"), JSON.stringify({ growthMebibytes, seconds: times }));
