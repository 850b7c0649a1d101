/** What every place that keeps images must do: run against the local store, a real registry and the registry in memory. */
import { expect, test } from "vitest";
import type { ImageReference, PinnedReference } from "../../provider/model/image-reference.ts";
import type { RegistryImages } from "../../provider/registry/images.ts";
import { makeImage, makeIndex, type MadeImage } from "../fakes/oci-layout.ts";
import { amd64, bytesOf, layoutOf, never } from "../registry/scratch.ts";

export interface Place {
  readonly images: RegistryImages;
  readonly registry: string;
}

const silent = (): void => undefined;

export function imagesContract(name: string, place: () => Promise<Place>): void {
  const setUp = async (repository: string) => {
    const { images, registry } = await place();
    const at: ImageReference = { registry, repository };
    const pin = (image: MadeImage): PinnedReference => ({ ...at, digest: image.digest });
    const publish = async (image: MadeImage, ...tags: string[]) =>
      images.publish({ layoutDirectory: await layoutOf(image), repository: at, tags, signal: never, onProgress: silent });
    return { images, at, pin, publish };
  };

  test(`${name}: publishes, resolves, describes and opens an image`, async () => {
    const { images, at, pin, publish } = await setUp("team/one");
    const layers = [Buffer.from("one"), Buffer.from("two")];
    const image = makeImage({ layers, labels: { version: "1" } });
    const description = {
      digest: image.digest,
      platformDigests: { "linux/amd64": image.digest },
      createdAt: "2026-01-02T03:04:05.000Z",
      labels: { version: "1" },
      sizeBytes: [...image.blobs.values()].reduce((sum, blob) => sum + blob.length, 0),
    };
    expect(await publish(image, "in-1", "stable")).toEqual(description);
    expect(await images.resolve({ ...at, tag: "stable" }, { signal: never })).toBe(image.digest);
    expect(await images.resolve(pin(image), { signal: never })).toBe(image.digest);
    expect(await images.describe(pin(image), never)).toEqual(description);
    const open = await images.open(pin(image), amd64, { signal: never, onProgress: silent });
    expect({ digest: open.digest, platform: open.platform, labels: open.labels }).toEqual({
      digest: image.digest,
      platform: amd64,
      labels: { version: "1" },
    });
    expect(await Promise.all(open.layers.map((layer) => bytesOf(layer.open())))).toEqual(layers);
  });

  test(`${name}: keeps an index with its platforms`, async () => {
    const { images, pin, publish } = await setUp("team/index");
    const [intel, arm] = [
      makeImage({ layers: [Buffer.from("intel")] }),
      makeImage({ layers: [Buffer.from("arm")], architecture: "arm64" }),
    ];
    const index = makeIndex({ amd64: intel, arm64: arm });
    expect((await publish(index, "v1")).platformDigests).toEqual({ "linux/amd64": intel.digest, "linux/arm64": arm.digest });
    const open = await images.open(pin(index), { os: "linux", architecture: "arm64" }, { signal: never, onProgress: silent });
    expect(open.digest).toBe(arm.digest);
    expect(await bytesOf(open.layers[0]!.open())).toEqual(Buffer.from("arm"));
    expect((await images.describe(pin(arm), never))?.platformDigests).toEqual({ "linux/arm64": arm.digest });
  });

  test(`${name}: knows what is not there`, async () => {
    const { images, at, pin, publish } = await setUp("team/nothing");
    const image = makeImage({ layers: [Buffer.from("never pushed here")] });
    expect(await images.resolve({ ...at, tag: "in-1" }, { signal: never })).toBeUndefined();
    expect(await images.describe(pin(image), never)).toBeUndefined();
    expect(await images.tags(at, never)).toBeUndefined();
    await publish(makeImage(), "other");
    expect(await images.resolve({ ...at, tag: "in-1" }, { signal: never })).toBeUndefined();
    expect(await images.resolve(pin(image), { signal: never })).toBeUndefined();
    expect(await images.describe(pin(image), never)).toBeUndefined();
  });

  test(`${name}: moves tags, lists them, and publishes without any`, async () => {
    const { images, at, pin, publish } = await setUp("team/tags");
    const [first, second] = [makeImage({ labels: { v: "1" } }), makeImage({ labels: { v: "2" } })];
    await publish(first, "in-1", "stable", "a", "b");
    expect((await publish(second)).digest).toBe(second.digest);
    await images.tag(pin(second), ["stable", "c"], never);
    expect(await images.resolve({ ...at, tag: "stable" }, { signal: never })).toBe(second.digest);
    expect(await images.resolve({ ...at, tag: "in-1" }, { signal: never })).toBe(first.digest);
    expect(await images.tags(at, never)).toEqual(["a", "b", "c", "in-1", "stable"]);
  });

  test(`${name}: reports the image in force when a tag was taken over`, async () => {
    const { images, at, publish } = await setUp("team/race");
    const [first, second] = [makeImage({ labels: { v: "1" } }), makeImage({ labels: { v: "2" } })];
    await publish(first, "in-1");
    expect((await publish(second, "in-1")).digest).toBe(second.digest);
    expect(await images.resolve({ ...at, tag: "in-1" }, { signal: never })).toBe(second.digest);
  });

  test(`${name}: removes an image, and no other; removing again is fine`, async () => {
    const { images, pin, publish } = await setUp("team/removed");
    const [first, second] = [makeImage({ labels: { v: "1" } }), makeImage({ labels: { v: "2" } })];
    await publish(first, "one", "uno");
    await publish(second, "two");
    await images.remove(pin(first), never);
    await images.remove(pin(first), never);
    expect(await images.describe(pin(first), never)).toBeUndefined();
    const open = await images.open(pin(second), amd64, { signal: never, onProgress: silent });
    expect(await bytesOf(open.layers[0]!.open())).toEqual(Buffer.from("layer one"));
  });
}
