/** Disks in a real registry: made once, fetched everywhere else, and read by other people's programs. */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRegistry, type RealRegistry } from "../fakes/docker-registry.ts";
import { makeImage, writeLayout } from "../fakes/oci-layout.ts";
import { identityOf, mebibyte, noise, openHome, type DiskBytes, type Home, type SharedImage } from "./sharing-home.ts";
import { output, scratchFolder } from "./scratch.ts";

let registry: RealRegistry;
const silent = (): void => undefined;
const never = new AbortController().signal;

beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

/** Three pieces and a bit, of which the second is all zero; a hole in the first. */
const v1: DiskBytes = {
  sizeBytes: 193 * mebibyte + 512,
  data: {
    0: noise("head", 3 * mebibyte),
    [40 * mebibyte]: Buffer.from("far"),
    [130 * mebibyte]: noise("third", 4096),
    [193 * mebibyte]: Buffer.from("end"),
  },
};
const v2: DiskBytes = { ...v1, data: { ...v1.data, [140 * mebibyte]: Buffer.from("new") } };

async function home(): Promise<Home> {
  return openHome(await scratchFolder(), registry.configHome);
}

async function pushImage({ registries }: Home, repository: string, labels = {}): Promise<SharedImage> {
  const image = makeImage({ labels });
  const layoutDirectory = join(await scratchFolder(), "layout");
  await mkdir(layoutDirectory);
  await writeLayout(layoutDirectory, image);
  const place = { registry: registry.host, repository };
  await registries.publish({ repository: place, tags: [], layoutDirectory, signal: never, onProgress: silent });
  return { repository: place, digest: image.digest };
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function tagOf(image: SharedImage): string {
  return `${image.repository.registry}/${image.repository.repository}:disk-${identityOf(image).slice(0, 32)}`;
}

test("the first computer makes and publishes a disk, the next one fetches it; holes stay holes", async () => {
  const [first, second] = [await home(), await home()];
  const image = await pushImage(first, "team/os");
  const made = await first.share({ image, bytes: v1 });
  expect(made.artifact).toMatchObject({ pushedHere: true, reference: image.repository });

  const fetched = await second.share({ image, bytes: v2 });
  expect([first.told, second.told]).toEqual([["made"], []]);
  expect(fetched.artifact).toEqual({ ...made.artifact, pushedHere: false });
  expect(fetched.digest).toBe(made.digest);
  expect(await output("cmp", [made.path, fetched.path])).toBe("");
  const file = await stat(fetched.path);
  expect([file.mode & 0o777, file.size]).toEqual([0o600, v1.sizeBytes]);
  expect(file.blocks * 512).toBeLessThan(8 * mebibyte);
  // And the one who made it finds it there.
  expect((await first.share({ image, bytes: v2 })).artifact).toEqual(fetched.artifact);
  expect(first.told).toEqual(["made"]);
});

test("skopeo shows and copies the artifact, and its pieces are the disk's", async () => {
  const mine = await home();
  const image = await pushImage(mine, "team/shown");
  const made = await mine.share({ image, bytes: v1 });
  const raw = await output("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${tagOf(image)}`]);
  expect(`sha256:${createHash("sha256").update(raw).digest("hex")}`).toBe(made.artifact?.reference.digest);
  const manifest = JSON.parse(raw) as { layers: { digest: string; annotations: Record<string, string> }[]; config: { digest: string } };
  expect(manifest).toMatchObject({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactType: "application/vnd.bootable.disk.v1",
    config: { mediaType: "application/vnd.bootable.disk.config.v1+json" },
    subject: { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: image.digest, size: makeImage().manifest.length },
  });
  expect(manifest.layers.map(({ annotations }) => [annotations["bootable.disk.offset"], annotations["bootable.disk.length"]])).toEqual([
    ["0", "67108864"],
    ["134217728", "67108864"],
    ["201326592", "1049088"],
  ]);

  const copy = await scratchFolder();
  const to = `oci:${join(copy, "layout")}:disk`;
  await output("skopeo", ["copy", "--preserve-digests", "--src-tls-verify=false", `docker://${tagOf(image)}`, to]);
  const blob = (digest: string): Promise<Buffer> => readFile(join(copy, "layout", "blobs", "sha256", digest.slice(7)));
  expect(JSON.parse((await blob(manifest.config.digest)).toString())).toEqual({
    identity: identityOf(image),
    image: image.digest,
    format: "raw",
    sizeBytes: v1.sizeBytes,
    digest: made.digest,
  });
  const disk = await readFile(made.path);
  for (const { digest, annotations } of manifest.layers) {
    const [offset, length] = [Number(annotations["bootable.disk.offset"]), Number(annotations["bootable.disk.length"])];
    const piece = disk.subarray(offset, offset + length);
    const unpacked = join(copy, `piece at ${offset}`);
    await output("zstd", ["-dq", join(copy, "layout", "blobs", "sha256", digest.slice(7)), "-o", unpacked]);
    expect((await readFile(unpacked)).equals(piece)).toBe(true);
    expect(annotations["bootable.disk.digest"]).toBe(sha256(piece));
  }
});

test("without the referrers API the image's list names the disk, beside what others put there", async () => {
  const mine = await home();
  const image = await pushImage(mine, "team/listed");
  const signature = await pushImage(mine, "team/listed", { signature: "of somebody" });
  const list = `docker://${registry.host}/team/listed:sha256-${image.digest.slice(7)}`;
  const foreign = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: signature.digest,
    size: makeImage({ labels: { signature: "of somebody" } }).manifest.length,
    artifactType: "application/vnd.example.signature",
    annotations: { by: "somebody" },
  };
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [foreign],
    annotations: { kept: "too" },
  };
  const put = await fetch(`http://${registry.host}/v2/team/listed/manifests/sha256-${image.digest.slice(7)}`, {
    method: "PUT",
    headers: { "content-type": index.mediaType },
    body: JSON.stringify(index),
  });
  expect(put.status).toBe(201);

  const made = await mine.share({ image, bytes: v1 });
  const listed = async (): Promise<unknown> => JSON.parse(await output("skopeo", ["inspect", "--raw", "--tls-verify=false", list]));
  const own = { digest: made.artifact?.reference.digest, artifactType: "application/vnd.bootable.disk.v1" };
  expect(await listed()).toMatchObject({ ...index, manifests: [foreign, own] });

  // A manifest that is gone keeps docker-registry from taking the list; it lists nothing, and goes.
  const gone = await fetch(`http://${registry.host}/v2/team/listed/manifests/${signature.digest}`, { method: "DELETE" });
  expect(gone.status).toBe(202);
  await mine.registries.diskArtifacts.remove(made.artifact!.reference, never);
  await mine.share({ image, bytes: v1 });
  expect(await listed()).toMatchObject({ manifests: [own] });
});

test("removing a disk leaves the pieces that another one has, and its tag is gone", async () => {
  const mine = await home();
  const [one, two] = [await pushImage(mine, "team/gone", { version: "1" }), await pushImage(mine, "team/gone", { version: "2" })];
  const made = await mine.share({ image: one, bytes: v1 });
  await mine.share({ image: two, bytes: v2 });
  await mine.registries.diskArtifacts.remove(made.artifact!.reference, never);
  await mine.registries.diskArtifacts.remove(made.artifact!.reference, never);
  const place = { repository: one.repository, subject: one.digest, identity: identityOf(one) };
  expect(await mine.registries.diskArtifacts.find(place, never)).toBeUndefined();
  const list = `docker://${registry.host}/team/gone:sha256-${one.digest.slice(7)}`;
  expect(JSON.parse(await output("skopeo", ["inspect", "--raw", "--tls-verify=false", list]))).toMatchObject({ manifests: [] });
  const other = await home();
  await other.share({ image: two, bytes: v1 });
  expect(other.told).toEqual([]);
  expect((await readdir(other.cacheDirectory)).toSorted()).toEqual([`${identityOf(two)}.json`, `${identityOf(two)}.raw`]);
});
