/** One machine: prepared, swapped, put back and removed. Every step looks at what is there, so it can be repeated after a crash. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import type { MachineSettings } from "../model/machine.ts";
import type { StartDetached } from "../model/program.ts";
import type { CachedDisk } from "../resources/ports.ts";
import type { Accelerators } from "./qemu-accelerator.ts";
import { tmpfilesText } from "./qemu-credentials.ts";
import { checkDataDisks, collectGarbage, createOverlay, ensureDataDisks, hasBase, keepBase, writeCredentials } from "./qemu-files.ts";
import { findFirmware } from "./qemu-firmware.ts";
import { guestFiles } from "./qemu-keys.ts";
import { choosePorts } from "./qemu-ports.ts";
import { stopProcess } from "./qemu-process.ts";
import type { QemuPrograms, SshPrograms } from "./qemu-programs.ts";
import { machineFolder, readRecord, writeRecord, type Boot, type GroupPlaces, type MachineRecord } from "./qemu-record.ts";
import { hashSettings } from "./qemu-settings.ts";
import { startProcess } from "./qemu-start.ts";
import type { Turns } from "./turns.ts";

export interface MachineTools {
  readonly qemu: QemuPrograms;
  readonly ssh: SshPrograms;
  readonly startDetached: StartDetached;
  readonly accelerators: Accelerators;
  readonly shutdownSeconds: number;
}

export interface Wanted {
  readonly digest: Digest;
  readonly image: string;
  readonly settings: MachineSettings;
  readonly disk: () => Promise<CachedDisk>;
  readonly report: (text: string) => void;
}

/** A port that was free may be taken when QEMU binds it. */
const startTries = 3;
const leftAs = "The machine is stopped; its disks are kept.";

export class Machine {
  readonly name: string;
  readonly folder: string;
  readonly #places: GroupPlaces;
  readonly #tools: MachineTools;
  readonly #turns: Turns;

  constructor(name: string, group: { readonly places: GroupPlaces; readonly tools: MachineTools; readonly turns: Turns }) {
    this.name = name;
    this.folder = machineFolder(group.places, name);
    this.#places = group.places;
    this.#tools = group.tools;
    this.#turns = group.turns;
  }

  async record(): Promise<MachineRecord | undefined> {
    return readRecord(this.folder);
  }

  /** Makes all that the next start needs, beside a machine that goes on running. */
  async prepare(wanted: Wanted, signal: AbortSignal): Promise<Boot> {
    await checkDataDisks(this.#files(signal), wanted.settings.dataDisks);
    const disk = await wanted.disk();
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const files = await guestFiles({ folder: this.folder, machine: this.name, ssh: this.#tools.ssh, signal }, wanted.settings);
    const paths = files.map((file) => file.path);
    return this.#turns.take(async () => {
      const record = (await this.record()) ?? { version: 1, key: this.#places.key, name: this.name, settled: false, lastNumber: 0 };
      const boot = matching(record, wanted, disk.identity) ?? newBoot(record, wanted, { diskIdentity: disk.identity, paths });
      const gone = boot.given.filter((path) => !paths.includes(path));
      const credentials = tmpfilesText({ machine: this.name, files, gone });
      // The record first: what it mentions is never taken for a leftover.
      if (!isKnown(record, boot)) await writeRecord(this.folder, { ...record, staged: boot, lastNumber: boot.number });
      await keepBase(this.#files(signal), disk);
      await writeCredentials(this.#files(signal), boot, credentials);
      await createOverlay(this.#files(signal), boot);
      return boot;
    });
  }

  /** Ends what runs and starts the boot that was prepared for it; a machine that does not exist yet is made. */
  async swap(wanted: Wanted, signal: AbortSignal): Promise<void> {
    const boot = await this.prepare(wanted, signal);
    const record = await this.#known();
    await this.#checkFixedPorts(wanted.settings, record);
    await this.#launch(record, boot, { settings: wanted.settings, report: wanted.report, signal });
  }

  /** Undefined when the machine no longer keeps that image. */
  async goBack(to: Digest, options: { readonly report: (text: string) => void; readonly signal: AbortSignal }): Promise<boolean> {
    const record = await this.#known();
    const { booted, previous, staged, ...rest } = record;
    if (previous !== undefined && previous.digest === to && !record.settled) {
      await this.#launch(record, previous, options);
    } else if (booted?.digest === to) {
      if (staged !== undefined) await writeRecord(this.folder, { ...rest, booted, ...(previous && { previous }) });
    } else return false;
    await this.#turns.take(() => collectGarbage(this.#places));
    return true;
  }

  /** Starts again what the record says, after its process was lost. */
  async restart(options: { readonly report: (text: string) => void; readonly signal: AbortSignal }): Promise<void> {
    const record = await this.#known();
    if (record.booted !== undefined) await this.#launch(record, record.booted, options);
  }

  async settle(): Promise<void> {
    const { previous: _previous, staged: _staged, ...record } = await this.#known();
    await writeRecord(this.folder, { ...record, settled: true });
    await this.#turns.take(() => collectGarbage(this.#places));
  }

  async remove(options: { readonly dataDisks: boolean; readonly signal: AbortSignal }): Promise<void> {
    await this.#stop(options.signal);
    await rm(this.folder, { recursive: true, force: true });
    if (options.dataDisks) await rm(join(this.#places.data, this.name), { recursive: true, force: true });
    await this.#turns.take(() => collectGarbage(this.#places));
  }

  async #known(): Promise<MachineRecord> {
    const record = await this.record();
    if (record !== undefined) return record;
    throw new Failure({ kind: "environment", code: "not-found", message: `Machine "${this.name}" does not exist.` });
  }

  async #stop(signal: AbortSignal): Promise<void> {
    await stopProcess({ folder: this.folder, name: this.name, shutdownSeconds: this.#tools.shutdownSeconds, signal });
  }

  /** While the machine still runs: a port that is taken must not cost it its work. */
  async #checkFixedPorts(settings: MachineSettings, { booted }: MachineRecord): Promise<void> {
    const own = new Set(Object.values(booted?.ports ?? {}));
    const fixed = Object.entries(settings.ports).filter(([, port]) => port !== undefined && !own.has(port));
    await choosePorts({ machine: this.name, wanted: Object.fromEntries(fixed), kept: {}, leftAs: "The machine was left as it was." });
  }

  async #launch(record: MachineRecord, boot: Boot, request: Launch): Promise<void> {
    const { signal } = request;
    if (!(await hasBase(this.#places, boot.diskIdentity))) throw this.#baseLost(boot);
    const firmware = await findFirmware(boot.architecture);
    const { accelerator, remark } = await this.#tools.accelerators.choose({
      wanted: boot.accelerator,
      architecture: boot.architecture,
      firmware,
      signal,
    });
    if (remark !== undefined) request.report(remark);
    await this.#stop(signal);
    if (request.settings !== undefined) await ensureDataDisks(this.#files(signal), request.settings.dataDisks);
    for (let tries = 1; ; tries++) {
      const ports = await this.#ports(record, boot, request.settings);
      const next = advance(record, { ...boot, ports });
      await writeRecord(this.folder, next);
      try {
        return await startProcess({
          ...this.#files(signal),
          boot: { ...boot, ports },
          firmware,
          accelerator,
          startDetached: this.#tools.startDetached,
        });
      } catch (thrown) {
        const again = thrown instanceof Failure && thrown.code === "not-started" && tries < startTries;
        if (!again || !(await this.#portWasTaken(ports))) throw thrown;
      }
    }
  }

  #ports(record: MachineRecord, boot: Boot, settings: MachineSettings | undefined): Promise<Record<string, number>> {
    const kept = { ...record.booted?.ports, ...boot.ports };
    const wanted = settings?.ports ?? Object.fromEntries(Object.keys(boot.ports).map((guestPort) => [guestPort, undefined]));
    return choosePorts({ machine: this.name, wanted, kept, leftAs });
  }

  async #portWasTaken(ports: Readonly<Record<string, number>>): Promise<boolean> {
    await this.#stop(new AbortController().signal);
    return choosePorts({ machine: this.name, wanted: ports, kept: {}, leftAs }).then(
      () => false,
      (thrown: unknown) => thrown instanceof Failure && thrown.code === "port-taken",
    );
  }

  #baseLost(boot: Boot): Failure {
    const message = `The disk under machine "${this.name}" is gone (${boot.diskIdentity.slice(0, 12)} in ${this.#places.disks}), so it cannot be started.`;
    return new Failure({
      kind: "environment",
      message,
      fix: "run pulumi up: the machine is started from the image that the program names.",
    });
  }

  #files(signal: AbortSignal): { places: GroupPlaces; machine: string; qemu: QemuPrograms; signal: AbortSignal } {
    return { places: this.#places, machine: this.name, qemu: this.#tools.qemu, signal };
  }
}

interface Launch {
  /** Left out where an older boot comes back: its ports are kept, its data disks are there. */
  readonly settings?: MachineSettings;
  readonly report: (text: string) => void;
  readonly signal: AbortSignal;
}

function isKnown({ booted, previous, staged }: MachineRecord, { number }: Boot): boolean {
  return [booted, previous, staged].some((boot) => boot?.number === number);
}

/** A boot that is there already and is just what is wanted. */
function matching({ booted, staged, previous }: MachineRecord, wanted: Wanted, diskIdentity: string): Boot | undefined {
  const settingsHash = hashSettings(wanted.settings);
  return [booted, staged, previous].find(
    (boot) => boot?.digest === wanted.digest && boot.diskIdentity === diskIdentity && boot.settingsHash === settingsHash,
  );
}

function newBoot(record: MachineRecord, wanted: Wanted, disk: { readonly diskIdentity: string; readonly paths: readonly string[] }): Boot {
  const { digest, image, settings } = wanted;
  const { diskIdentity, paths } = disk;
  const number = record.lastNumber + 1;
  // Only the settings differ: the machine keeps its system disk.
  const same = record.booted?.digest === digest && record.booted.diskIdentity === diskIdentity ? record.booted : undefined;
  return {
    number,
    image,
    digest,
    diskIdentity,
    overlay: same?.overlay ?? `system-${number}.qcow2`,
    credentials: `credentials-${number}`,
    given: [...new Set([...(same?.given ?? []), ...paths])],
    settingsHash: hashSettings(settings),
    architecture: settings.platform.architecture,
    accelerator: settings.accelerator,
    memoryBytes: settings.memoryBytes,
    cpus: settings.cpus,
    dataDisks: settings.dataDisks.map((disk) => disk.name),
    ports: record.booted?.ports ?? {},
  };
}

/** The record once `boot` is what runs. What was settled last stays as the way back until the next settling. */
function advance(record: MachineRecord, boot: Boot): MachineRecord {
  const { booted, previous, staged: _staged, ...rest } = record;
  if (booted?.number === boot.number) return { ...rest, booted: boot, ...(previous && { previous }) };
  // Going back, or on to what was kept for it: that boot was settled once.
  if (previous?.number === boot.number) return { ...rest, booted: boot, settled: true };
  const back = record.settled ? booted : previous;
  return { ...rest, booted: boot, settled: false, ...(back && { previous: back }) };
}
