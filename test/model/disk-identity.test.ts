import { expect, test } from "vitest";
import { diskIdentity } from "../../provider/model/disk-identity.ts";
import { derivedSerial, derivedUuid } from "../../provider/model/derived-uuid.ts";
import type { DiskOptions } from "../../provider/model/disk.ts";

const manifest = `sha256:${"a".repeat(64)}` as const;
const options: DiskOptions = {
  filesystem: "ext4",
  kernelArguments: [],
  engine: "auto",
  platform: { os: "linux", architecture: "amd64" },
  rootSshAuthorizedKeys: [],
};

test("identities of earlier versions stay what they are", () => {
  expect(diskIdentity(manifest, options)).toMatchInlineSnapshot(`"b57023e2cea3e0d000fc8208e2219104d5ba7d459a6eb18eda1b487d7ce71ef1"`);
  expect(derivedUuid("disk", "root")).toMatchInlineSnapshot(`"34406a6f-ef0c-86f9-a277-c6381bca81c8"`);
  expect(derivedSerial("disk", "root")).toBe(derivedUuid("disk", "root").slice(0, 8));
});

const changes: Record<keyof DiskOptions, Partial<DiskOptions>> = {
  sizeBytes: { sizeBytes: 1024 ** 3 },
  filesystem: { filesystem: "xfs" },
  kernelArguments: { kernelArguments: ["quiet"] },
  engine: { engine: "direct" },
  platform: { platform: { os: "linux", architecture: "arm64" } },
  rootSshAuthorizedKeys: { rootSshAuthorizedKeys: ["quiet"] },
  targetImage: { targetImage: "registry.example.com/os:stable" },
  builderImage: { builderImage: "registry.example.com/os:stable" },
  bootLoader: { bootLoader: { path: "loader.efi", digest: `sha256:${"c".repeat(64)}` } },
};

test.each(Object.entries(changes))("%s is part of it", (_, change) => {
  expect(diskIdentity(manifest, { ...options, ...change })).not.toBe(diskIdentity(manifest, options));
});

test("so is the image, and nothing else", () => {
  expect(diskIdentity(`sha256:${"b".repeat(64)}`, options)).not.toBe(diskIdentity(manifest, options));
  const { rootSshAuthorizedKeys, ...others } = options;
  const reordered = { rootSshAuthorizedKeys, ...others, platform: { architecture: "amd64", os: "linux" } };
  expect(diskIdentity(manifest, reordered)).toBe(diskIdentity(manifest, options));
});

test("a boot loader is known by its digest, wherever it lies", () => {
  const identityOf = (path: string, hex: string): string =>
    diskIdentity(manifest, { ...options, bootLoader: { path, digest: `sha256:${hex.repeat(64)}` } });
  expect(identityOf("/home/a/loader.efi", "c")).toBe(identityOf("loader.efi", "c"));
  expect(identityOf("loader.efi", "d")).not.toBe(identityOf("loader.efi", "c"));
});

test("what two options say is not the same when one says it", () => {
  const image = "registry.example.com/os:stable";
  expect(diskIdentity(manifest, { ...options, targetImage: image })).not.toBe(diskIdentity(manifest, { ...options, builderImage: image }));
});
