/** Registries that lie about a disk: nothing wrong is used, and the disk is made here instead. */
import { zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { bytes, other } from "./hostile-bytes.ts";
import { held, openWorld, putBlob, tamper, type Artifact, type World } from "./hostile-disks.ts";
import { identityOf, mebibyte } from "./sharing-home.ts";

/** Digests of one digit repeated stay as they are. */
function plain(all: World, texts: readonly string[]): readonly string[] {
  const identity = identityOf(all.image);
  return all.plain(texts).map((text) =>
    text
      .replaceAll(/sha256:(?!([0-9])\1{63})[0-9a-f]{64}/g, "sha256:9f2c")
      .replaceAll(identity, "0123...")
      .replaceAll(identity.slice(0, 32), "0123"),
  );
}

const zero = `sha256:${"0".repeat(64)}`;

const lies: Readonly<Record<string, (world: World, artifact: Artifact) => void>> = {
  "another artifact": (_, { manifest }) => void (manifest.artifactType = "application/vnd.example\nsbom"),
  "another image's disk": (_, { manifest }) => void (manifest.subject.digest = zero),
  "another identity": (_, { config }) => void (config["identity"] = "0".repeat(64)),
  "another format": (_, { config }) => void (config["format"] = "qcow2"),
  "no digest": (_, { config }) => void (config["digest"] = "md5:1"),
  "a size that no disk has": (_, { config }) => void (config["sizeBytes"] = 2 ** 50),
  "a configuration that is too large": (_, { config }) => void (config["padding"] = "x".repeat(70_000)),
  "another digest of the whole": (_, { config }) => void (config["digest"] = zero),
  "a piece less": (_, { manifest }) => void manifest.layers.pop(),
  "a piece that is not there": (_, { manifest }) => void Object.assign(manifest.layers[1] ?? {}, { digest: zero }),
  "a piece without a place": (_, { manifest }) => void delete manifest.layers[1]?.annotations["bootable.disk.offset"],
  "pieces over each other": (_, { manifest }) => void (manifest.layers[1]!.annotations["bootable.disk.offset"] = "4096"),
  "a piece past the end": (_, { manifest }) => void (manifest.layers[1]!.annotations["bootable.disk.length"] = String(2 ** 30)),
  "a piece larger than its content": (_, { manifest }) => void (manifest.layers[0]!.size = 2 ** 40),
  "a piece that is no zstd": (world, { manifest }) => putBlob(world, manifest.layers[1], Buffer.from("no zstd at all")),
  "a piece that ends early": (world, { manifest }) => putBlob(world, manifest.layers[0], zstdCompressSync(Buffer.from("boot"))),
  "a piece that goes on": (world, { manifest }) => putBlob(world, manifest.layers[0], zstdCompressSync(Buffer.alloc(65 * mebibyte))),
  "a piece with other bytes": (world, { manifest }) => putBlob(world, manifest.layers[0], zstdCompressSync(Buffer.alloc(64 * mebibyte))),
};

test("what is not the disk asked for is refused, the disk is made here, and takes its place", async () => {
  const told: Record<string, readonly string[]> = {};
  const all = await openWorld();
  const tag = `team/os disk-${identityOf(all.image).slice(0, 32)}`;
  const made = await (await all.home()).share({ image: all.image, bytes });
  const published = String(all.registry.manifests.get(tag)?.bytes);
  for (const [what, lie] of Object.entries(lies)) {
    tamper(all, (artifact) => lie(all, artifact));
    const home = await all.home();
    const shared = await home.share({ image: all.image, bytes });
    expect({ ...shared, path: "" }, what).toEqual({ ...made, path: "" });
    expect([home.told.pop(), String(all.registry.manifests.get(tag)?.bytes)], what).toEqual(["made", published]);
    told[what] = plain(all, home.told);
  }
  expect(told).toMatchInlineSnapshot(`
    {
      "a configuration that is too large": [
        "The published disk registry.example.com/team/os:disk-0123 cannot be used: its configuration has 70293 bytes. The disk is made here instead.",
      ],
      "a piece larger than its content": [
        "The published disk registry.example.com/team/os:disk-0123 cannot be used: piece 1 has a size that it cannot have. The disk is made here instead.",
      ],
      "a piece less": [
        "The published disk registry.example.com/team/os@sha256:9f2c cannot be used: it was to be sha256:9f2c, and its pieces make sha256:9f2c. The disk is made here instead.",
      ],
      "a piece past the end": [
        "The published disk registry.example.com/team/os:disk-0123 cannot be used: piece 2 lies over another, or past the end. The disk is made here instead.",
      ],
      "a piece that ends early": [
        "The published disk registry.example.com/team/os@sha256:9f2c cannot be used: its piece at byte 0 holds only 4 of its 67108864 bytes. The disk is made here instead.",
      ],
      "a piece that goes on": [
        "The published disk registry.example.com/team/os@sha256:9f2c cannot be used: its piece at byte 0 holds more than its 67108864 bytes. The disk is made here instead.",
      ],
      "a piece that is no zstd": [
        "The published disk registry.example.com/team/os@sha256:9f2c cannot be used: its piece at byte 67108864 holds no zstd. The disk is made here instead.",
      ],
      "a piece that is not there": [
        "The published disk registry.example.com/team/os:disk-0123 cannot be used. Could not fetch the published disk registry.example.com/team/os@sha256:9f2c: the registry answered 404. The disk is made here instead.",
      ],
      "a piece with other bytes": [
        "The published disk registry.example.com/team/os@sha256:9f2c cannot be used: its piece at byte 0 holds other bytes than it says. The disk is made here instead.",
      ],
      "a piece without a place": [
        "The published disk registry.example.com/team/os:disk-0123 cannot be used: piece 2 does not say where it belongs. The disk is made here instead.",
      ],
      "a size that no disk has": [
        "The published disk registry.example.com/team/os:disk-0123 cannot be used: it does not give a size that a disk can have. The disk is made here instead.",
      ],
      "another artifact": [
        "The published disk registry.example.com/team/os:disk-0123 cannot be used: its type is application/vnd.example sbom, not application/vnd.bootable.disk.v1. The disk is made here instead.",
      ],
      "another digest of the whole": [
        "The published disk registry.example.com/team/os@sha256:9f2c cannot be used: it was to be sha256:0000000000000000000000000000000000000000000000000000000000000000, and its pieces make sha256:9f2c. The disk is made here instead.",
      ],
      "another format": [
        "The published disk registry.example.com/team/os:disk-0123 cannot be used: its format is qcow2, not raw. The disk is made here instead.",
      ],
      "another identity": [
        "The published disk registry.example.com/team/os:disk-0123 cannot be used: it is the disk 0000000000000000000000000000000000000000000000000000000000000000, not 0123.... The disk is made here instead.",
      ],
      "another image's disk": [
        "The published disk registry.example.com/team/os:disk-0123 cannot be used: it belongs to the image sha256:0000000000000000000000000000000000000000000000000000000000000000, not to sha256:9f2c. The disk is made here instead.",
      ],
      "no digest": [
        "The published disk registry.example.com/team/os:disk-0123 cannot be used: it does not give the digest of its bytes. The disk is made here instead.",
      ],
      "pieces over each other": [
        "The published disk registry.example.com/team/os:disk-0123 cannot be used: piece 2 lies over another, or past the end. The disk is made here instead.",
      ],
    }
  `);
});

test("a blob that a registry stores wrongly or cuts short is refused by its digest", async () => {
  const all = await openWorld();
  const made = await (await all.home()).share({ image: all.image, bytes });
  const [, last] = [...all.registry.blobs].filter(([key]) => !held.blobs.has(key.slice("team/os ".length) as `sha256:${string}`));
  const [key = "", content = Buffer.alloc(0)] = last ?? [];
  const told: string[] = [];
  for (const broken of [Buffer.from(content).fill("x"), content.subarray(0, content.length - 5)]) {
    all.registry.blobs.set(key, broken);
    const home = await all.home();
    expect((await home.share({ image: all.image, bytes })).digest).toBe(made.digest);
    told.push(...plain(all, home.told));
  }
  expect(told).toMatchInlineSnapshot(`
    [
      "The published disk registry.example.com/team/os:disk-0123 cannot be used. A blob of registry.example.com/team/os was to be sha256:9f2c, but the bytes have sha256:9f2c. Nothing of it was kept. The disk is made here instead.",
      "made",
      "The published disk registry.example.com/team/os:disk-0123 cannot be used. A blob of registry.example.com/team/os was to be sha256:9f2c, but only 2064 of its 2069 bytes came. Nothing of it was kept. The disk is made here instead.",
      "made",
    ]
  `);
});

test("the digest in the stack's state is above the registry's, which is left alone", async () => {
  const all = await openWorld();
  const home = await all.home();
  const mine = await home.share({ image: all.image, bytes });
  const published = [...all.registry.manifests.keys()];
  const theirs = await all.home();
  const known = { identity: mine.identity, digest: `sha256:${"7".repeat(64)}` } as const;
  const kept = await theirs.share({ image: all.image, bytes: other, known });
  expect(kept.artifact).toBeUndefined();
  expect([...all.registry.manifests.keys()]).toEqual(published);
  expect(theirs.told.pop()).toBe("made");
  expect(plain(all, theirs.told)).toMatchInlineSnapshot(`
    [
      "The published disk registry.example.com/team/os@sha256:9f2c has the bytes sha256:9f2c, and the state of this stack knows it as sha256:7777777777777777777777777777777777777777777777777777777777777777: it was neither used nor replaced. To have this one published, delete that one in the registry.",
    ]
  `);
  // Once the program knows nothing else, the published one takes the place of the one in the cache.
  expect((await theirs.share({ image: all.image, bytes: other })).digest).toBe(mine.digest);
});

test("a disk of another size than the options say is not used", async () => {
  const all = await openWorld();
  await (await all.home()).share({ image: all.image, bytes });
  const home = await all.home();
  const larger = { ...bytes, sizeBytes: 192 * mebibyte };
  expect((await home.share({ image: all.image, bytes: larger, sizeBytes: larger.sizeBytes })).sizeBytes).toBe(larger.sizeBytes);
  expect(plain(all, home.told)).toMatchInlineSnapshot(`
    [
      "The published disk registry.example.com/team/os@sha256:9f2c cannot be used: it has 75497472 bytes, and disk.size asks for 201326592. The disk is made here instead.",
      "made",
    ]
  `);
});
