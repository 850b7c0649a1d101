import { expect, test } from "vitest";
import { settleEngine } from "../../provider/model/disk-engine.ts";
import { diskIdentity } from "../../provider/model/disk-identity.ts";
import type { DiskOptions } from "../../provider/model/disk.ts";

const manifest = `sha256:${"a".repeat(64)}` as const;
const labels = { "containers.bootc": "1" };
const reference = { registry: "registry.example.com", repository: "team/os", tag: "v1", digest: `sha256:${"b".repeat(64)}` } as const;
const options: DiskOptions = {
  filesystem: "ext4",
  kernelArguments: [],
  engine: "auto",
  platform: { os: "linux", architecture: "amd64" },
  rootSshAuthorizedKeys: [],
};

test("auto is bootc for a labelled image, and else what it was, with the identity that it had", () => {
  for (const others of [{}, { "containers.bootc": "0" }, { "containers.bootc": "true" }, { "ostree.bootable": "1" }]) {
    expect(settleEngine(options, { reference, manifest, labels: others })).toBe(options);
  }
  expect(settleEngine(options, { reference, manifest, labels })).toEqual({
    ...options,
    engine: "bootc",
    targetImage: `registry.example.com/team/os@${manifest}`,
  });
  const direct = { ...options, engine: "direct" } as const;
  expect(settleEngine(direct, { reference, manifest, labels })).toBe(direct);
});

test("auto and bootc are one disk where the image is labelled; another repository is another one, since a machine follows it", () => {
  const identity = (engine: DiskOptions["engine"], repository = "team/os"): string =>
    diskIdentity(manifest, settleEngine({ ...options, engine }, { reference: { ...reference, repository }, manifest, labels }));
  expect(identity("auto")).toBe(identity("bootc"));
  expect(identity("auto")).not.toBe(identity("direct"));
  expect(identity("auto", "mirror/os")).not.toBe(identity("auto"));
});

test("what updates follow is the platform's manifest: an index that gains a platform changes nothing", () => {
  const grown = { ...reference, digest: `sha256:${"c".repeat(64)}` } as const;
  const settled = settleEngine(options, { reference, manifest, labels });
  expect(settleEngine(options, { reference: grown, manifest, labels })).toEqual(settled);
});

test("a target of one's own stays, and the local store is none", () => {
  const local = { registry: "local", repository: "os", digest: manifest };
  const target = "registry.example.com/team/os:stable";
  expect(settleEngine({ ...options, targetImage: target }, { reference, manifest, labels }).targetImage).toBe(target);
  expect(settleEngine({ ...options, targetImage: target }, { reference: local, manifest, labels }).targetImage).toBe(target);
  expect(settleEngine(options, { reference: local, manifest, labels })).toEqual({ ...options, engine: "bootc" });
});
