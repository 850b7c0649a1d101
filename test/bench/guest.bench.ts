/** How long a guest takes that has the computer to itself: from the start of its machine to the first answer of its page. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CachedDisk } from "../../provider/resources/ports.ts";
import { makeGuestDisk } from "../hosts/guest-disk.ts";
import { digestOf, openWorkshop, signal, type Workshop } from "../hosts/workshop.ts";
import { given, inTurns, secondsOf } from "./measure.ts";
import { formatRow } from "./table.ts";

const turns = 3;
const machine = "kiosk-1";
const version = "v1";
/** As in examples/quickstart; emulated, so that every computer measures the same. */
const settings = { [machine]: { memoryBytes: 512 * 1024 ** 2, cpus: 1, ports: { "80": undefined }, accelerator: "tcg" } } as const;
const healthCheck = { http: { port: 80, path: "/", status: 200 }, timeoutSeconds: 300, intervalSeconds: 0.2 };

given("BOOTABLE_BASE_TAR");
const folder = await mkdtemp(join(tmpdir(), "bootable-bench-"));
try {
  await using workshop = await openWorkshop();
  const disk = await makeGuestDisk(folder, version);
  const took = await inTurns(turns, { boot: () => boot(workshop, disk) });
  const what = "a guest alone, emulated: from its start to the first answer of its page";
  console.log(formatRow({ what, ours: took.boot }));
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Each time a machine that never ran: no overlay, no firmware variables, no keys. */
async function boot(workshop: Workshop, disk: CachedDisk): Promise<number> {
  const driver = workshop.driver(version, { settings, healthCheck, disk: () => Promise.resolve(disk) });
  const target = digestOf(version);
  await driver.prepare(machine, target, signal);
  const seconds = await secondsOf(async () => {
    await driver.swap(machine, target, signal);
    const { kind } = await driver.confirm(machine, target, signal);
    if (kind !== "confirmed") throw new Error(`the guest was ${kind}`);
  });
  await workshop.group.remove(machine, { dataDisks: true, signal });
  return seconds;
}
