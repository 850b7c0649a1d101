/** Boots a root file system the way users do: an image in the local store, its disk, a machine that answers on a forwarded port. */
import { readFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disks } from "../../provider/disks/disks.ts";
import { formatByteSize } from "../../provider/model/byte-size.ts";
import type { Digest } from "../../provider/model/digest.ts";
import type { DiskOptions } from "../../provider/model/disk.ts";
import type { HealthCheck } from "../../provider/model/health-check.ts";
import type { MachineSettings } from "../../provider/model/machine.ts";
import { describeFailure, Failure } from "../../provider/failure.ts";
import { images } from "../../provider/registry/images.ts";
import type { CachedDisk, MachineDriver } from "../../provider/resources/ports.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { programs } from "../disks/programs.ts";
import { tar } from "../disks/tar-writer.ts";
import { makeImage, writeLayout } from "../fakes/oci-layout.ts";
import { openWorkshop, plainSettings, signal } from "../hosts/workshop.ts";

/** The page tells which system answers, on what processor, and what it was started with. */
const page = [
  "cat /usr/lib/os-release /proc/cmdline /proc/mounts > /srv/www/index.html",
  "/usr/bin/busybox df -k / >> /srv/www/index.html",
  "uname -m >> /srv/www/index.html",
].join("; ");
const service = `[Unit]
Description=Serves a page about this guest
# Which is there when a root is to grow.
After=systemd-growfs-root.service

[Service]
ExecStartPre=/usr/bin/busybox sh -c "${page}"
ExecStart=/usr/bin/busybox httpd -f -p 80 -h /srv/www
`;
const topLayer = tar([
  { path: "srv/www", type: "directory" },
  { path: "etc/systemd/system/page.service", content: service },
  {
    path: "etc/systemd/system/multi-user.target.wants/page.service",
    type: "symlink",
    linkTarget: "/etc/systemd/system/page.service",
  },
]);

export interface Root {
  /** Variable that names the tar; the tests' set-up makes it. */
  readonly variable: string;
  readonly architecture: "amd64" | "arm64";
  /** Of the disk's root; ext4 when left out. */
  readonly filesystem?: DiskOptions["filesystem"];
  /** On top of it, as tars. */
  readonly layers?: readonly Buffer[];
  /** Its kernel's command line lies in the image: the disk adds nothing. */
  readonly sealed?: boolean;
  /** What becomes of the disk before the machine starts. */
  readonly changeDisk?: (path: string) => Promise<void>;
}

export interface Guest {
  readonly page: string;
  readonly digest: string;
  /** What a login as root says, by a key that the guest was given when it started: confirmed, unhealthy or unconfirmed. */
  readonly logIn: () => Promise<string>;
}

/**
 * On PCs the kernel gives the timer 0.16 s to tick a few times, and panics if it does not; an emulator that shares its
 * processors may not get to it.
 */
const kernelArguments = { amd64: ["no_timer_check"], arm64: [] };

const name = "guest";
const patience = { timeoutSeconds: 240, intervalSeconds: 1 };

/** Runs `look` once the guest has answered, prints the times, and leaves nothing running. */
export async function withBootedRoot(root: Root, look: (guest: Guest) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "bootable-root-"));
  try {
    await using workshop = await openWorkshop({ shutdownSeconds: 20 });
    const { disk, digest, seconds } = await makeDisk(folder, root);
    await root.changeDisk?.(disk.path);
    const driverWith = (healthCheck: HealthCheck): MachineDriver =>
      workshop.group.driver({
        image: { registry: "local", repository: "guest/root", digest },
        disk: () => Promise.resolve(disk),
        settings: { [name]: settingsOf(root) },
        healthCheck,
        report: () => undefined,
      });
    const driver = driverWith({ http: { port: 80, path: "/", status: 200 }, ...patience });
    const answered = await start(driver, digest);
    console.log(
      `${root.variable}: disk of ${formatByteSize(disk.sizeBytes)} in ${seconds.toFixed(1)} s, answered after ${answered.toFixed(1)} s`,
    );
    const { ports } = await driver.observe(name, signal);
    const answer = await fetch(`http://127.0.0.1:${ports["80"]}/`);
    const login = driverWith({ ssh: { command: ["true"] }, ...patience });
    const logIn = async (): Promise<string> => (await login.confirm(name, digest, signal)).kind;
    await look({ page: await answer.text(), digest, logIn });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Seconds to the first answer. */
async function start(driver: MachineDriver, digest: Digest): Promise<number> {
  try {
    await driver.prepare(name, digest, signal);
    await driver.swap(name, digest, signal);
    const started = performance.now();
    const confirmed = await driver.confirm(name, digest, signal);
    if (confirmed.kind !== "confirmed") throw confirmed.reason;
    return (performance.now() - started) / 1000;
  } catch (thrown) {
    // The last lines of the console, or of QEMU, are in the detail, which the test runner does not show.
    throw thrown instanceof Failure ? new Error(describeFailure(thrown), { cause: thrown }) : thrown;
  }
}

function settingsOf({ architecture }: Root): MachineSettings {
  const ports = { "80": undefined, "22": undefined };
  return { ...plainSettings, memoryBytes: 512 * 1024 ** 2, cpus: 2, ports, platform: { os: "linux", architecture } };
}

async function makeDisk(folder: string, { variable, architecture, layers = [], sealed = false, filesystem = "ext4" }: Root) {
  const path = process.env[variable];
  if (path === undefined) throw new Error(`${variable} names no root file system: run the tests with npm test, which makes it.`);
  const image = makeImage({ layers: [await readFile(path), ...layers, topLayer], architecture });
  const store = images({ storeDirectory: join(folder, "store"), runProgram });
  const repository = { registry: "local", repository: "guest/root" };
  const onProgress = (): void => undefined;
  const layoutDirectory = await writeLayout(join(folder, "layout"), image);
  const { digest } = await store.publish({ layoutDirectory, repository, tags: ["root"], signal, onProgress });
  const began = performance.now();
  const platform = { os: "linux", architecture };
  const options = {
    filesystem,
    kernelArguments: sealed ? [] : kernelArguments[architecture],
    engine: "direct",
    platform,
    rootSshAuthorizedKeys: [],
  } as const;
  const all = disks({ images: store, programs, cacheDirectory: join(folder, "cache"), cacheSizeBytes: () => 1024 ** 4 });
  const disk: CachedDisk = await all.make({ image: { ...repository, digest }, options, signal, onProgress });
  return { disk, digest, seconds: (performance.now() - began) / 1000 };
}
