/** What was seen in an image, judged by a Disk and by a MachineGroup: errors stop a run before anything is made, warnings are told once. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { describeFailure } from "../../provider/failure.ts";
import type { ImageFacts } from "../../provider/model/image-check-facts.ts";
import { imageCheckCodes } from "../../provider/model/image-check.ts";
import { disk } from "../../provider/resources/disk.ts";
import type { ValueMap } from "../../provider/spec/value.ts";
import { Effects } from "../fakes/effects.ts";
import { fitFacts } from "../fakes/image-facts.ts";
import { MemoryDisks } from "../fakes/memory-disks.ts";
import { MemoryImages } from "../fakes/memory-images.ts";
import { makeImage, writeLayout } from "../fakes/oci-layout.ts";
import { Lifecycle, type Run } from "./harness.ts";
import * as kiosk from "./kiosk-world.ts";

const image = makeImage({ labels: { version: "1" } });

async function diskWorld(facts: Partial<ImageFacts>) {
  const effects = new Effects();
  const images = new MemoryImages(effects);
  const layoutDirectory = await mkdtemp(join(tmpdir(), "bootable-checks-"));
  onTestFinished(() => rm(layoutDirectory, { recursive: true, force: true }));
  await writeLayout(layoutDirectory, image);
  const repository = { registry: "local", repository: "web" };
  await images.publish({ layoutDirectory, repository, tags: [], signal: new AbortController().signal, onProgress: () => {} });
  const disks = new MemoryDisks(images, effects);
  disks.facts = { ...fitFacts, ...facts };
  effects.take();
  return { effects, disks, web: new Lifecycle(disk({ images, disks, removeFile: disks.removeFile }), { name: "web", effects }) };
}

function program(rest: ValueMap): ValueMap {
  return { image: `local/web@${image.digest}`, directory: "out", ...rest };
}

const ignoring = (...codes: string[]): ValueMap => ({ checks: { ignore: codes } });
const told = (run: Run): string => (run.failure === undefined ? "" : describeFailure(run.failure));
const forQemu: Partial<ImageFacts> = {
  drivers: { builtIn: ["ext4", "virtio_pci"], initramfs: ["virtio_blk"], installed: ["hv_netvsc", "udf"] },
};
const shared: Partial<ImageFacts> = { machineIds: ["/etc/machine-id"], randomSeeds: ["/var/lib/systemd/random-seed"] };
const machineId = /one machine's identity \(\/etc\/machine-id\).*\(populated-machine-id\)$/;
const seed = /random seed.*\(baked-random-seed\)$/;

test("a format for a cloud that the image would not boot in is refused before the disk is made", async () => {
  const { web, effects } = await diskWorld(forQemu);
  const refused = await web.up(program({ formats: ["raw", "vhd"], ...ignoring("missing-network-driver", "limited-machine-types") }));
  expect(told(refused)).toMatchInlineSnapshot(`
    "A disk of this image would not boot: one reason was found. Nothing was written.
    missing-disk-driver: Kernel 6.12.10 would not find its root disk on Azure (hv_vmbus, hv_storvsc, sd_mod): these drivers are neither built into it nor in its initramfs. To mend it, install linux-image-amd64 and initramfs-tools (Debian) or kernel-core, kernel-modules-core and dracut (Fedora) in the Containerfile.
    fix: change the image as said above, or set checks: {ignore: ["missing-disk-driver"]} to make the disk nevertheless."
  `);
  expect(effects.take()).toEqual([]);
  const made = await web.up(
    program({ formats: ["raw", "vhd"], ...ignoring("missing-disk-driver", "missing-network-driver", "limited-machine-types") }),
  );
  expect([told(made), made.warnings, effects.take().length]).toEqual(["", [], 3]);
});

test("a format that is added later is judged though the disk is there already", async () => {
  const { web, effects } = await diskWorld(forQemu);
  const quiet = ignoring("missing-network-driver", "limited-machine-types");
  expect(told(await web.up(program({ formats: ["raw"], ...quiet })))).toBe("");
  effects.take();
  const refused = await web.up(program({ formats: ["raw", "vhd"], ...quiet }));
  expect([refused.failure?.code, effects.take()]).toEqual(["preflight", []]);
});

test("warnings are told once, and again only for another image or disk", async () => {
  const { web } = await diskWorld(shared);
  const first = await web.up(program({ formats: ["raw", "qcow2"] }));
  expect(first.warnings).toEqual([expect.stringMatching(machineId), expect.stringMatching(seed)]);
  expect((await web.up(program({ formats: ["raw"] }))).warnings).toEqual([]);
  const other = await web.up(program({ formats: ["raw"], disk: { size: "20GiB" }, ...ignoring("baked-random-seed") }));
  expect(other.warnings).toEqual([expect.stringMatching(machineId)]);
  const shown = await web.up(program({ formats: ["raw", "qcow2"], disk: { size: "20GiB" } }));
  expect(shown.warnings).toEqual([expect.stringMatching(seed)]);
});

test("what is ignored changes no disk, and makes nothing again", async () => {
  const { web, effects } = await diskWorld(shared);
  const made = await web.up(program({ formats: ["raw"] }));
  effects.take();
  const planned = await web.preview(program({ formats: ["raw"], ...ignoring("no-login") }));
  expect([planned.changes, planned.outputs["identity"]]).toEqual([[], made.outputs["identity"]]);
  const again = await web.up(program({ formats: ["raw"], ...ignoring("no-login") }));
  expect([again.changes, again.warnings, effects.take()]).toEqual([[], [], []]);
});

test("codes that nobody knows are refused in Check, with those that are known", async () => {
  const { web } = await diskWorld({});
  const run = await web.up(program(ignoring("no-dhcp", "dhcp")));
  expect(run.checkFailures).toEqual([
    {
      path: ["checks", "ignore", 1],
      reason: `"dhcp" is not one of the accepted values; use ${imageCheckCodes.slice(0, -1).join(", ")} or ${imageCheckCodes.at(-1)}`,
    },
  ]);
});

test("machines start from no image that would not boot in them, and what runs is left alone", async () => {
  const { kiosk: group, disks } = kiosk.world();
  disks.facts.set(kiosk.v1, { ...fitFacts, ...shared });
  const started = await group.up(kiosk.program(kiosk.v1));
  expect([told(started), started.warnings]).toEqual(["", [expect.stringMatching(machineId), expect.stringMatching(seed)]]);
  expect((await group.up(kiosk.program(kiosk.v1, { memory: "2GiB" }))).warnings).toEqual([]);

  const unfit: ImageFacts = { ...fitFacts, drivers: { builtIn: ["ext4"], initramfs: ["nvme"], installed: ["virtio_net"] } };
  disks.facts.set(kiosk.v2, unfit);
  const refused = await group.up(kiosk.program(kiosk.v2, { memory: "2GiB" }));
  expect(told(refused)).toMatchInlineSnapshot(`
    "The rollout of 2222bbbb0002 to MachineGroup "kiosk" stopped at kiosk-1 (canary): A disk of this image would not boot: one reason was found. Nothing was written. Not touched (1111aaaa0001): kiosk-1. Left alone (1111aaaa0001): kiosk-2.
    missing-disk-driver: Kernel 6.12.10 would not find its root disk on QEMU (virtio_pci, virtio_blk): these drivers are neither built into it nor in its initramfs. To mend it, install linux-image-amd64 and initramfs-tools (Debian) or kernel-core, kernel-modules-core and dracut (Fedora) in the Containerfile.
    fix: change the image as said above, or set checks: {ignore: ["missing-disk-driver"]} to make the disk nevertheless."
  `);
  expect(refused.outputs["booted"]).toEqual({ "kiosk-1": kiosk.v1, "kiosk-2": kiosk.v1 });

  const forced = await group.up(kiosk.program(kiosk.v2, { memory: "2GiB", ...ignoring("missing-disk-driver") }));
  expect([told(forced), forced.outputs["booted"]]).toEqual(["", { "kiosk-1": kiosk.v2, "kiosk-2": kiosk.v2 }]);
  const changed = await group.up(kiosk.program(kiosk.v2, { memory: "2GiB", ...ignoring("missing-disk-driver", "no-login") }));
  expect(changed.changes).toEqual([]);
});
