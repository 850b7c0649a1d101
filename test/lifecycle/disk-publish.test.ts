/** A Disk that is shared through the registry of its image: who makes, who fetches, what preview knows, and what delete removes. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { describeFailure, Failure } from "../../provider/failure.ts";
import type { Digest } from "../../provider/model/digest.ts";
import { disk } from "../../provider/resources/disk.ts";
import { formatPath, unknown, type ValueMap } from "../../provider/spec/value.ts";
import { Effects } from "../fakes/effects.ts";
import { MemoryDisks } from "../fakes/memory-disks.ts";
import { MemoryImages } from "../fakes/memory-images.ts";
import { makeImage, writeLayout } from "../fakes/oci-layout.ts";
import { forEveryCrash, Lifecycle, type Run } from "./harness.ts";

const v1 = makeImage({ labels: { version: "1" } });
const v2 = makeImage({ labels: { version: "2" } });
const never = new AbortController().signal;

interface Computer {
  readonly effects: Effects;
  readonly disks: MemoryDisks;
  readonly web: Lifecycle;
  /** Effects since the last call, identities left out. */
  take(): string[];
}

/** Two computers, each with a stack of its own, and one registry. */
async function world(): Promise<{ readonly first: Computer; readonly second: Computer }> {
  const effects = new Effects();
  const images = new MemoryImages(effects);
  for (const image of [v1, v2]) {
    const layoutDirectory = await mkdtemp(join(tmpdir(), "bootable-publish-"));
    onTestFinished(() => rm(layoutDirectory, { recursive: true, force: true }));
    await writeLayout(layoutDirectory, image);
    const repository = { registry: "registry.example.com", repository: "team/web" };
    await images.publish({ layoutDirectory, repository, tags: [], signal: never, onProgress: () => {} });
  }
  effects.take();
  const computer = (disks: MemoryDisks): Computer => ({
    effects,
    disks,
    web: new Lifecycle(disk({ images, disks, removeFile: disks.removeFile }), { name: "web", effects }),
    take: () => effects.take().map((effect) => effect.replace(/ [0-9a-f]{4}$/, "")),
  });
  const disks = new MemoryDisks(images, effects);
  return { first: computer(disks), second: computer(new MemoryDisks(images, effects, disks.artifacts)) };
}

function program({ digest }: { readonly digest: Digest }, rest: ValueMap = {}): ValueMap {
  return { image: `registry.example.com/team/web@${digest}`, publish: true, ...rest };
}

function told(run: Run): string {
  return run.failure === undefined ? "" : describeFailure(run.failure);
}

test("one computer makes and publishes, the next one plans just that disk and fetches it", async () => {
  const { first, second } = await world();
  const planned = await first.web.preview(program(v1));
  expect(planned.infos).toEqual(["makes the disk, and publishes it in registry.example.com/team/web"]);
  expect(planned.outputs).toMatchObject({ digest: unknown, sizeBytes: unknown, artifact: unknown });
  expect(first.take()).toEqual([]);
  const made = await first.web.up(program(v1));
  expect([told(made), first.take()]).toEqual(["", ["make", "publish"]]);
  expect(made.outputs["artifact"]).toMatchObject({ pushed: true });

  const other = await second.web.preview(program(v1));
  expect(other.infos).toEqual(["fetches the disk from registry.example.com/team/web: 512 B, unless it is in the cache"]);
  const fetched = await second.web.up(program(v1));
  expect(second.take()).toEqual(["fetch"]);
  expect({ ...fetched.outputs, files: unknown }).toEqual({ ...other.outputs, files: unknown });
  expect(fetched.outputs["digest"]).toBe(made.outputs["digest"]);
  expect(fetched.outputs["artifact"]).toMatchObject({ pushed: false });

  const again = await second.web.up(program(v1));
  expect([again.changes, again.infos, again.warnings, second.take()]).toEqual([[], [], [], []]);
});

test("publish that comes and goes is an update; the disk stays where it is", async () => {
  const { first } = await world();
  await first.web.up(program(v1, { publish: false }));
  expect(first.take()).toEqual(["make"]);
  const published = await first.web.up(program(v1));
  expect([published.changes, first.take()]).toEqual([["publish"], ["publish"]]);
  const planned = await first.web.preview(program(v1, { formats: ["raw"] }));
  expect(planned.outputs["artifact"]).toEqual(published.outputs["artifact"]);
  const more = await first.web.up(program(v1, { formats: ["raw"] }));
  expect(more.outputs["artifact"]).toEqual(published.outputs["artifact"]);
  first.take();
  const alone = await first.web.up(program(v1, { publish: false }));
  expect([alone.changes, alone.outputs["artifact"], first.disks.artifacts.size]).toEqual([["formats[0]", "publish"], undefined, 1]);
});

test("delete removes the disk from the registry where this resource pushed it and onDelete says so", async () => {
  const { first, second } = await world();
  await first.web.up(program(v1));
  await second.web.up(program(v1));
  first.take();
  await second.web.destroy();
  expect(second.take()).toEqual([]);
  await first.web.destroy();
  expect(first.take()).toEqual(["unpublish"]);
  await second.web.up(program(v1, { onDelete: "keep" }));
  second.take();
  await second.web.destroy();
  expect([second.take(), second.disks.artifacts.size]).toEqual([[], 1]);
});

test("a registry that allows no deletes keeps the disk, and that is no failure", async () => {
  const { first } = await world();
  await first.web.up(program(v1));
  const message = "Could not delete the published disk: registry.example.com does not allow images to be deleted (405).";
  first.disks.trouble.unpublish = new Failure({ kind: "remote", code: "refused", message });
  const gone = await first.web.destroy();
  expect([told(gone), gone.warnings]).toEqual(["", [`${message} The published disk stays there.`]]);
});

test("an image of the local store is refused before anything is made", async () => {
  const { first } = await world();
  const refused = await first.web.preview({ image: `local/web@${v1.digest}`, publish: true });
  expect(refused.checkFailures.map(({ path, reason }) => `${formatPath(path)}: ${reason}`)).toEqual([
    `publish: true needs an image in a registry, and "local/web@${v1.digest}" is in the local store of this computer; set repository on the Image, or leave publish out`,
  ]);
});

test("a registry that does not answer in time makes a preview less exact and says so", async () => {
  const { first } = await world();
  first.disks.trouble.published = new Failure({ kind: "remote", message: "Could not look up the published disk: nothing answers." });
  const planned = await first.web.preview(program(v1));
  expect([planned.infos, planned.warnings]).toEqual([
    [],
    ["whether the disk is published already is not known: Could not look up the published disk: nothing answers."],
  ]);
  first.disks.trouble.published = new Failure({
    kind: "environment",
    code: "cancelled",
    message: "Looking up the published disk was cancelled.",
  });
  const slow = await first.web.preview(program(v1));
  expect(slow.warnings).toEqual(["whether the disk is published already is not known: the registry did not answer within 2 s."]);
  first.disks.trouble.published = new Failure({ kind: "remote", code: "broken-artifact", message: "It is another disk." });
  const broken = await first.web.preview(program(v1));
  expect([broken.infos, broken.warnings]).toEqual([["makes the disk, and publishes it in registry.example.com/team/web"], []]);
});

test("wherever the provider dies, the next run ends with one disk, published once", async () => {
  const crashes = await forEveryCrash(async (effectsBeforeCrash) => {
    const { first } = await world();
    first.effects.crashAfter(effectsBeforeCrash);
    const { crashed } = await first.web.up(program(v2));
    first.effects.revive();
    expect(told(await first.web.up(program(v2)))).toBe("");
    expect([first.disks.artifacts.size, first.web.stored?.state["artifact"]]).toMatchObject([1, {}]);
    return { crashed };
  });
  expect(crashes).toBe(2);
});
