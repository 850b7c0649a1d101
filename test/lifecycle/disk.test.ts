/** A Disk through its life: the cached disk, the files made of it, what is left when one cannot be written, and a death after every effect. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cancelled, describeFailure, Failure } from "../../provider/failure.ts";
import type { Digest } from "../../provider/model/digest.ts";
import { disk } from "../../provider/resources/disk.ts";
import { formatPath, unknown, type ValueMap } from "../../provider/spec/value.ts";
import { Effects } from "../fakes/effects.ts";
import { MemoryDisks } from "../fakes/memory-disks.ts";
import { MemoryImages } from "../fakes/memory-images.ts";
import { makeImage, makeIndex, writeLayout, type MadeImage } from "../fakes/oci-layout.ts";
import { forEveryCrash, Lifecycle, type Run } from "./harness.ts";

const v1 = makeImage({ labels: { version: "1" } });
const v2 = makeImage({ labels: { version: "2" } });
const never = new AbortController().signal;

async function hold(images: MemoryImages, image: MadeImage): Promise<void> {
  const layoutDirectory = await mkdtemp(join(tmpdir(), "bootable-disk-"));
  onTestFinished(() => rm(layoutDirectory, { recursive: true, force: true }));
  await writeLayout(layoutDirectory, image);
  const repository = { registry: "local", repository: "web" };
  await images.publish({ layoutDirectory, repository, tags: [], signal: never, onProgress: () => {} });
}

async function world() {
  const effects = new Effects();
  const images = new MemoryImages(effects);
  for (const image of [v1, v2, makeIndex({ amd64: v1, arm64: makeImage({ architecture: "arm64" }) })]) await hold(images, image);
  const disks = new MemoryDisks(images, effects);
  const web = new Lifecycle(disk({ images, disks, removeFile: disks.removeFile }), { name: "web", effects });
  effects.take();
  return { effects, images, disks, web };
}

function program({ digest }: { readonly digest: Digest }, rest: ValueMap = {}): ValueMap {
  return { image: `local/web@${digest}`, directory: "out", ...rest };
}

const both = { formats: ["raw", "qcow2"] };

function told(run: Run): string {
  return run.failure === undefined ? "" : describeFailure(run.failure);
}

function paths(disks: MemoryDisks): string[] {
  return [...disks.files.keys()].map((path) => path.replace(`${resolve("out")}/`, "")).toSorted();
}

test("is made, changes nothing the second time, follows its image, and goes with its files", async () => {
  const { web, disks, effects } = await world();
  const planned = await web.preview(program(v1, both));
  expect(planned.outputs).toMatchObject({ image: `local/web@${v1.digest}`, digest: unknown, sizeBytes: unknown, files: unknown });
  expect(effects.take()).toEqual([]);

  const made = await web.up(program(v1, both));
  expect(told(made)).toBe("");
  expect(made.outputs["identity"]).toBe(planned.outputs["identity"]);
  expect(made.outputs["files"]).toMatchObject({ raw: { path: "out/web.raw" }, qcow2: { path: "out/web.qcow2" } });
  expect(paths(disks)).toEqual(["web.qcow2", "web.raw"]);
  effects.take();

  const again = await web.up(program(v1, both));
  expect([again.changes, again.infos, again.warnings, effects.take()]).toEqual([[], [], [], []]);

  const next = await web.preview(program(v2, both));
  expect(next.changes).toEqual(["image"]);
  expect(next.outputs["identity"]).not.toBe(made.outputs["identity"]);
  const moved = await web.up(program(v2, both));
  expect(moved.outputs["identity"]).toBe(next.outputs["identity"]);

  await web.destroy();
  expect(paths(disks)).toEqual([]);
});

test("onDelete keep leaves the files", async () => {
  const { web, disks } = await world();
  await web.up(program(v1, { ...both, onDelete: "keep" }));
  await web.destroy();
  expect(paths(disks)).toEqual(["web.qcow2", "web.raw"]);
});

test("what does not change the disk does not make it again, and preview knows it", async () => {
  const { web, effects } = await world();
  const made = await web.up(program(v1, { formats: ["raw"] }));
  effects.take();
  const index = makeIndex({ amd64: v1, arm64: makeImage({ architecture: "arm64" }) });
  const planned = await web.preview(program(index, { formats: ["raw"] }));
  expect(planned.changes).toEqual(["image"]);
  const changed = await web.up(program(index, { formats: ["raw"] }));
  expect(changed.outputs).toEqual(planned.outputs);
  expect({ ...changed.outputs, image: "" }).toEqual({ ...made.outputs, image: "" });
  expect(effects.take()).toEqual([]);
});

test("formats and names come and go, the disk stays; an alias renames nothing", async () => {
  const { web, disks, effects } = await world();
  await web.up(program(v1, both));
  effects.take();
  await web.up(program(v1, { formats: ["raw", "vhd"] }));
  expect(effects.take()).toEqual(["write web.vhd", "remove out/web.qcow2"]);
  web.name = "renamed";
  await web.up(program(v1, { formats: ["raw"] }));
  expect(effects.take()).toEqual(["remove out/web.vhd"]);
  await web.up(program(v1, { formats: ["raw"], fileName: "kiosk", directory: "other" }));
  expect(effects.take()).toEqual(["write kiosk.raw", "remove out/web.raw"]);
  await web.destroy();
  expect(paths(disks)).toEqual([]);
});

test("an image that is not built yet leaves everything unknown but what the program says", async () => {
  const { web } = await world();
  const planned = await web.preview({ ...program(v1), image: unknown });
  const all = { identity: unknown, image: unknown, digest: unknown, sizeBytes: unknown, files: unknown };
  expect(planned.outputs).toMatchObject(all);
});

test("a registry that cannot tell, or not in time, makes a preview less exact and says so", async () => {
  const { web, images } = await world();
  const fix = "check that registry.example.com is up.";
  images.trouble.describe = new Failure({ kind: "remote", message: "Could not tell: nothing answers.", fix });
  const planned = await web.preview(program(v1));
  expect(planned.warnings).toEqual(["the disk cannot be planned exactly: Could not tell: nothing answers."]);
  expect(planned.outputs).toMatchObject({ identity: unknown });
  images.trouble.describe = cancelled("Reading image local/web");
  const slow = await web.preview(program(v1));
  expect(slow.warnings).toEqual(["the disk cannot be planned exactly: the registry did not describe the image within 5 s."]);
  const made = await web.up(program(v1));
  expect(told(made)).toBe("Reading image local/web was cancelled.");
});

test("a file that cannot be written leaves the others in state; even after a refresh the next run goes on", async () => {
  const { web, disks, effects } = await world();
  const fix = "install qemu-utils (Debian) or qemu-img (Fedora), or set bootable:tools.qemuImg to its path.";
  const missing = new Failure({ kind: "environment", message: "qemu-img is needed to write qcow2, and none was found on PATH.", fix });
  disks.unwritable.set("qcow2", missing);
  const failed = await web.up(program(v1, both));
  expect(told(failed)).toMatchInlineSnapshot(`
    "qemu-img is needed to write qcow2, and none was found on PATH. Written so far: out/web.raw; the next run goes on.
    fix: install qemu-utils (Debian) or qemu-img (Fedora), or set bootable:tools.qemuImg to its path."
  `);
  expect(Object.keys(failed.outputs["files"] as object)).toEqual(["raw"]);
  await web.refresh();
  expect((await web.preview(program(v1, both))).changes).toEqual(["files.qcow2"]);
  disks.unwritable.clear();
  effects.take();
  expect(told(await web.up(program(v1, both)))).toBe("");
  expect(effects.take()).toEqual(["write web.qcow2"]);
  expect((await web.up(program(v1, both))).changes).toEqual([]);
});

test("when nothing could be written nothing is half done", async () => {
  const { web, disks } = await world();
  disks.unwritable.set("raw", new Failure({ kind: "environment", message: "There was no room left in out." }));
  expect(told(await web.up(program(v1, both)))).toBe("There was no room left in out.");
  expect(web.stored).toBeUndefined();
  disks.unwritable.clear();
  await web.up(program(v1, both));
  const before = web.stored;
  disks.unwritable.set("raw", new Failure({ kind: "environment", message: "There was no room left in out." }));
  await web.up(program(v2, both));
  expect(web.stored).toEqual(before);
});

test("a format twice, an unknown one, a bad name and what no engine can do yet are refused with what is accepted", async () => {
  const { web } = await world();
  const options = { size: "10 apples", filesystem: "xfs", engine: "linuxkit" };
  const refused = await web.preview(program(v1, { formats: ["raw", "vdi", "raw"], fileName: "../web", disk: options }));
  expect(refused.checkFailures.map(({ path, reason }) => `${formatPath(path)}: ${reason}`)).toMatchInlineSnapshot(`
    [
      "disk.size: "10 apples" is no size; write a number and one of B, KiB, MiB, GiB and TiB, such as 10GiB",
      "formats[1]: "vdi" is not one of the accepted values; use raw, qcow2, vhd, vmdk, gce or iso",
      "fileName: "../web" is no file name; write letters, digits, dots, dashes and underscores",
      "formats[2]: "raw" is there twice",
      "disk.engine: "linuxkit" is not yet an engine of this provider; use auto, direct, bootc or image-builder",
    ]
  `);
});

test("cannot be imported, and says what to do instead", async () => {
  const { web } = await world();
  const thrown = await web.import("out/web.raw").catch((error: unknown) => error);
  expect(describeFailure(thrown as Failure)).toMatchInlineSnapshot(`
    "A Disk cannot be imported: what "out/web.raw" was made from is not written in its files.
    fix: declare it in the program; the disk is then made, or found in the cache."
  `);
});

test.each([
  ["making it", undefined, both],
  ["following its image", both, both],
  ["renaming its files", both, { formats: ["raw", "vmdk"], fileName: "kiosk" }],
])("a death after any effect of %s: the next run goes on, and no file is orphaned", async (_what, before, after) => {
  const crashes = await forEveryCrash(async (effectsBeforeCrash) => {
    const { web, disks, effects } = await world();
    if (before !== undefined) await web.up(program(v1, before));
    effects.crashAfter(effectsBeforeCrash);
    const { crashed } = await web.up(program(v2, after));
    effects.revive();
    expect(told(await web.up(program(v2, after)))).toBe("");
    const files = web.stored?.state["files"] as Record<string, { path: string }>;
    expect(Object.values(files).map(({ path }) => resolve(path))).toEqual([...disks.files.keys()]);
    await web.destroy();
    expect(paths(disks)).toEqual([]);
    return { crashed };
  });
  expect(crashes).toBeGreaterThan(2);
});

test("a death after any effect of destroy: the next one finishes it", async () => {
  const crashes = await forEveryCrash(async (effectsBeforeCrash) => {
    const { web, disks, effects } = await world();
    await web.up(program(v1, both));
    effects.crashAfter(effectsBeforeCrash);
    const { crashed } = await web.destroy();
    effects.revive();
    await web.destroy();
    expect([web.stored, paths(disks)]).toEqual([undefined, []]);
    return { crashed };
  });
  expect(crashes).toBe(2);
});
