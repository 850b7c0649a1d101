/** A Disk with a boot loader of the user's: the file's digest decides, wherever the file lies. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { disk } from "../../provider/resources/disk.ts";
import { machineGroup } from "../../provider/resources/machine-group.ts";
import type { MachineGroupPorts } from "../../provider/resources/machine-group-spec.ts";
import type { Disks } from "../../provider/resources/ports.ts";
import { formatPath, unknown, type ValueMap } from "../../provider/spec/value.ts";
import { Effects } from "../fakes/effects.ts";
import { MemoryDisks } from "../fakes/memory-disks.ts";
import { MemoryImages } from "../fakes/memory-images.ts";
import { makeImage, writeLayout } from "../fakes/oci-layout.ts";
import { testContext } from "../spec/sample.ts";
import { Lifecycle } from "./harness.ts";

const image = makeImage();
const repository = { registry: "local", repository: "web" };

async function world() {
  const effects = new Effects();
  const images = new MemoryImages(effects);
  const layoutDirectory = await mkdtemp(join(tmpdir(), "bootable-disk-"));
  onTestFinished(() => rm(layoutDirectory, { recursive: true, force: true }));
  await writeLayout(layoutDirectory, image);
  await images.publish({ layoutDirectory, repository, tags: [], signal: new AbortController().signal, onProgress: () => {} });
  const disks = new MemoryDisks(images, effects);
  const web = new Lifecycle(disk({ images, disks, removeFile: disks.removeFile }), { name: "web", effects });
  effects.take();
  return { effects, disks, web };
}

function program(options: ValueMap): ValueMap {
  return { image: `local/web@${image.digest}`, disk: options };
}

test("a changed file is a diff in preview, and the same file elsewhere is none", async () => {
  const { web, disks } = await world();
  disks.bootLoaders.set("/home/a/x.efi", "one").set("x.efi", "one").set("y.efi", "another");
  const made = await web.up(program({ bootLoader: "/home/a/x.efi" }));
  const changes = async (options: ValueMap): Promise<readonly string[]> => (await web.preview(program(options))).changes;
  expect(await changes({ bootLoader: "x.efi" })).toEqual([]);
  expect(await changes({ bootLoader: "y.efi" })).toEqual(["disk.bootLoaderDigest"]);
  expect(await changes({})).toEqual(["disk.bootLoaderDigest"]);
  disks.bootLoaders.set("/home/a/x.efi", "rebuilt");
  expect(await changes({ bootLoader: "/home/a/x.efi" })).toEqual(["disk.bootLoaderDigest"]);
  const again = await web.up(program({ bootLoader: "/home/a/x.efi" }));
  expect(again.outputs["identity"]).not.toBe(made.outputs["identity"]);
});

test("where the digest is set, the file is not asked for", async () => {
  const { web, disks } = await world();
  disks.bootLoaders.set("x.efi", "one");
  await web.up(program({ bootLoader: "x.efi" }));
  const stored = web.stored?.inputs["disk"] as { readonly bootLoaderDigest: string } | undefined;
  const bootLoaderDigest = stored?.bootLoaderDigest ?? "";
  disks.bootLoaders.clear();
  const { changes, checkFailures } = await web.preview(program({ bootLoader: "elsewhere.efi", bootLoaderDigest }));
  expect({ changes, checkFailures }).toEqual({ changes: [], checkFailures: [] });
});

test("what is not known yet leaves the digest open", async () => {
  const { web, disks } = await world();
  disks.bootLoaders.set("x.efi", "one");
  await web.up(program({ bootLoader: "x.efi" }));
  const { changes, outputs } = await web.preview(program({ bootLoader: unknown }));
  expect(changes).toEqual(["disk.bootLoaderDigest"]);
  expect(outputs["identity"]).toBe(unknown);
});

test("a MachineGroup's disk is known by it, too", async () => {
  const disks = { bootLoader: () => Promise.resolve({ digest: image.digest }) } as Partial<Disks> as Disks;
  const group = machineGroup({ disks } as MachineGroupPorts);
  const newInputs = { image: `local/web@${image.digest}`, machines: ["kiosk-1"], disk: { bootLoader: "x.efi" } };
  const { inputs, failures } = await group.check({ context: testContext(), newInputs });
  expect(failures).toEqual([]);
  expect(inputs["disk"]).toMatchObject({ bootLoader: "x.efi", bootLoaderDigest: image.digest });
});

test.each<[ValueMap, string]>([
  [{ bootLoader: "x.efi" }, 'disk.bootLoader: "x.efi" is not there'],
  [{ bootLoader: "x.efi", engine: "bootc" }, "disk.bootLoader: is for the engine direct; the engine bootc takes the image's own"],
  [{ bootLoaderDigest: image.digest }, "disk.bootLoaderDigest: says what disk.bootLoader is, which is left out"],
  [
    { bootLoader: "x.efi", bootLoaderDigest: "04da" },
    'disk.bootLoaderDigest: "04da" is no digest; write sha256: and 64 hex digits in lower case',
  ],
])("%o is refused in Check", async (options, expected) => {
  const { web } = await world();
  const { checkFailures } = await web.preview(program(options));
  expect(checkFailures.map(({ path, reason }) => `${formatPath(path)}: ${reason}`)).toContain(expected);
});
