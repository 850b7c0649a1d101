/** The same files are the same bytes: on every computer, in whatever form and order the layers bring them. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import { gzipSync, zstdCompressSync } from "node:zlib";
import * as fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { told } from "./checked-root.ts";
import { layer, type LayeredImage } from "./layered-image.ts";
import { inLayers, makeSample, plainLayer, sample } from "./sample-disk.ts";
import { scratchFolder } from "./scratch.ts";
import { tar, type TarInput } from "./tar-writer.ts";

/** What everything below must give too. */
const here = mkdtemp(join(tmpdir(), "bootable-disks-")).then(async (folder) => {
  return { folder, ...(await makeSample(folder)) };
});
afterAll(async () => rm((await here).folder, { recursive: true, force: true }));

/** Changes only with the version of the layout: whoever changes it costs every user one large delta. */
test("the sample disk has the bytes that this version of the layout gives it", async () => {
  const { path, digest } = await here;
  expect((await told("sha256sum", path)).split(" ")[0]).toBe(digest.replace("sha256:", ""));
  expect(digest).toMatchInlineSnapshot(`"sha256:eb1e388f88b3d03438114826cf1766975b3c9479d238ec979ae5df31071d83dd"`);
});

async function digestOf(image: LayeredImage): Promise<string> {
  return (await makeSample(await scratchFolder(), image)).digest;
}

const checkout = new URL("../..", import.meta.url).pathname;

interface Surroundings {
  readonly node?: string;
  readonly maker?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly umask?: number;
}

async function madeIn(surroundings: Surroundings): Promise<Record<string, unknown>> {
  const {
    node = process.execPath,
    maker = join(checkout, "test/disks/sample-maker.ts"),
    env = {},
    cwd = "/tmp",
    umask = 0o022,
  } = surroundings;
  const start = ["--no-warnings", maker, await scratchFolder(), String(umask)];
  const { stdout } = await promisify(execFile)(node, start, { cwd, env: { PATH: process.env["PATH"] ?? "", ...env } });
  return JSON.parse(stdout) as Record<string, unknown>;
}

test.each<[string, Surroundings]>([
  ["in Turkish, on the other side of the world", { env: { LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8", TZ: "Pacific/Kiritimati" } }],
  ["without a locale, in an old time zone", { env: { LC_ALL: "C", TZ: "America/St_Johns" } }],
  ["where nobody else may read files", { umask: 0o077 }],
  ["where everybody may write them", { umask: 0, cwd: "/" }],
])("%s", async (_, surroundings) => {
  expect(await madeIn(surroundings)).toEqual({ node: process.version, umask: surroundings.umask ?? 0o022, digest: (await here).digest });
});

/** The folder of what the compiler makes of the maker and of all that it imports; older Nodes run that alone. */
async function compiled(): Promise<string> {
  const folder = await scratchFolder();
  const compilerOptions = { noEmit: false, noCheck: true, declaration: false, sourceMap: false, rootDir: checkout, outDir: folder };
  const typeRoots = [join(checkout, "node_modules/@types")];
  const project = {
    extends: join(checkout, "tsconfig.json"),
    compilerOptions: { ...compilerOptions, typeRoots },
    include: [],
    files: [join(checkout, "test/disks/sample-maker.ts")],
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(project));
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  await told(process.execPath, join(checkout, "node_modules/typescript/bin/tsc"), "-p", folder);
  return folder;
}

test("in Node 22 as in this one", async () => {
  const node = process.env["BOOTABLE_NODE_22"] ?? "BOOTABLE_NODE_22 is not set: use test/tools/with-setup.mjs";
  const made = await madeIn({ node, maker: join(await compiled(), "test/disks/sample-maker.js") });
  expect(made).toEqual({ node: expect.stringMatching(/^v22\./), umask: 0o022, digest: (await here).digest });
});

test.each([
  ["gzip", gzipSync(tar(sample)), `${plainLayer}+gzip`],
  ["the least gzip", gzipSync(tar(sample), { level: 0 }), `${plainLayer}+gzip`],
  ["zstd", zstdCompressSync(tar(sample)), `${plainLayer}+zstd`],
  ["several frames of zstd", Buffer.concat(halves(tar(sample)).map((half) => zstdCompressSync(half))), `${plainLayer}+zstd`],
])("layers compressed with %s", async (_, bytes, mediaType) => {
  expect(await digestOf(inLayers([layer(bytes, mediaType)]))).toBe((await here).digest);
});

function halves(bytes: Buffer): Buffer[] {
  const middle = Math.floor(bytes.length / 2) + 7;
  return [bytes.subarray(0, middle), bytes.subarray(middle)];
}

test.each([511, 4096, 1024 ** 2 + 1, 2 ** 30])("layers that arrive in chunks of %i bytes", async (size) => {
  const bytes = tar(sample);
  const whole = layer(bytes, plainLayer);
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
  expect(await digestOf(inLayers([{ ...whole, open: () => Readable.from(chunks) }]))).toBe((await here).digest);
});

test("entries in any order, in one layer or in several", async () => {
  const links = sample.filter(({ type }) => type === "hardlink");
  const others = sample.filter(({ type }) => type !== "hardlink");
  const order = fc.tuple(fc.shuffledSubarray(others, { minLength: others.length }), fc.nat(others.length));
  const layerOf = (entries: readonly TarInput[]): ReturnType<typeof layer> => layer(tar(entries), plainLayer);
  await fc.assert(
    fc.asyncProperty(order, async ([shuffled, cut]) => {
      const layers = [layerOf(shuffled.slice(0, cut)), layerOf([...shuffled.slice(cut), ...links])];
      expect(await digestOf(inLayers(layers))).toBe((await here).digest);
    }),
    { numRuns: 4, endOnFailure: true },
  );
});
