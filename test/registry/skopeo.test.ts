/** Another client at the other end: what we push, skopeo reads, and what it pushes, we read. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runProgram } from "../../provider/tools/process.ts";
import { registryUser, startRegistry, type RealRegistry } from "../fakes/docker-registry.ts";
import { makeImage, makeIndex } from "../fakes/oci-layout.ts";
import { amd64, bytesOf, imagesIn, layoutOf, never, scratchFolder } from "./scratch.ts";

let registry: RealRegistry;
const silent = (): void => undefined;
const layer = Buffer.from("a layer that goes round");
const image = makeImage({ layers: [layer], labels: { version: "7" } });

beforeAll(async () => {
  registry = await startRegistry({ auth: true });
});
afterAll(() => registry.stop());

function skopeo(...args: string[]) {
  return runProgram({ program: "skopeo", args, purpose: "as another client", signal: never });
}

const credentials = `${registryUser.username}:${registryUser.password}`;

test("skopeo copies from a registry what we pushed, with its platforms", async () => {
  const images = await imagesIn(registry.configHome);
  const index = makeIndex({ amd64: image, arm64: makeImage({ architecture: "arm64" }) });
  const repository = { registry: registry.host, repository: "deep/er/team/os" };
  await images.publish({ repository, tags: ["v1"], layoutDirectory: await layoutOf(index), signal: never, onProgress: silent });
  const folder = await scratchFolder();
  const from = `docker://${registry.host}/deep/er/team/os:v1`;
  await skopeo("copy", "--all", "--preserve-digests", "--src-tls-verify=false", `--src-creds=${credentials}`, from, `oci:${folder}:v1`);
  const copied: unknown = JSON.parse(await readFile(join(folder, "index.json"), "utf8"));
  expect(copied).toMatchObject({ manifests: [{ digest: index.digest, size: index.manifest.length }] });
});

test("we open from a registry what skopeo pushed", async () => {
  const layout = await layoutOf(image);
  const to = `docker://${registry.host}/team/os:v1`;
  await skopeo("copy", "--preserve-digests", "--dest-tls-verify=false", `--dest-creds=${credentials}`, `oci:${layout}`, to);
  const images = await imagesIn(registry.configHome);
  const repository = { registry: registry.host, repository: "team/os" };
  const digest = await images.resolve({ ...repository, tag: "v1" }, { signal: never });
  expect(digest).toBe(image.digest);
  const open = await images.open({ ...repository, digest: image.digest }, amd64, { signal: never, onProgress: silent });
  expect(open.labels).toEqual({ version: "7" });
  expect(await bytesOf(open.layers[0]!.open())).toEqual(layer);
});

test("we read Docker's own media types", async () => {
  const layout = await layoutOf(image);
  const to = `docker://${registry.host}/team/docker:v1`;
  await skopeo("copy", "--format=v2s2", "--dest-tls-verify=false", `--dest-creds=${credentials}`, `oci:${layout}`, to);
  const images = await imagesIn(registry.configHome);
  const repository = { registry: registry.host, repository: "team/docker" };
  const digest = await images.resolve({ ...repository, tag: "v1" }, { signal: never });
  expect(digest).not.toBe(image.digest);
  const description = await images.describe({ ...repository, digest: digest! }, never);
  expect(description?.platformDigests).toEqual({ "linux/amd64": digest });
  const open = await images.open({ ...repository, digest: digest! }, amd64, { signal: never, onProgress: silent });
  expect(open.layers.map((one) => one.mediaType)).toEqual(["application/vnd.docker.image.rootfs.diff.tar"]);
});

test("skopeo reads the local store as the OCI layout that it is", async () => {
  const storeDirectory = join(await scratchFolder(), "store");
  const images = await imagesIn(registry.configHome, { storeDirectory });
  const repository = { registry: "local", repository: "team/os" };
  await images.publish({ repository, tags: ["v1"], layoutDirectory: await layoutOf(image), signal: never, onProgress: silent });
  const inspected = await skopeo("inspect", `oci:${storeDirectory}:team/os:v1`);
  expect(JSON.parse(inspected.stdout)).toMatchObject({ Digest: image.digest, Architecture: "amd64", Labels: { version: "7" } });
});
