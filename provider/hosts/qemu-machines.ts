/** Virtual machines on this computer, under QEMU: `Machines` of the resources' ports. */
import { rm, rmdir } from "node:fs/promises";
import type { StartDetached } from "../model/program.ts";
import type { MachineGroupPort, Machines } from "../resources/ports.ts";
import { Accelerators } from "./qemu-accelerator.ts";
import { qemuDriver } from "./qemu-driver.ts";
import { findFirmware } from "./qemu-firmware.ts";
import { refuseStrangers } from "./qemu-holder.ts";
import { holdGroup, releaseGroup } from "./qemu-lock.ts";
import { Machine, type MachineTools } from "./qemu-machine.ts";
import { knownKeys, recallGroup, rememberGroup } from "./qemu-memory.ts";
import { observeMachine } from "./qemu-observe.ts";
import { Patience } from "./qemu-patience.ts";
import type { QemuPrograms, SshPrograms } from "./qemu-programs.ts";
import { groupPlaces, groupsFolder, listNames, recordedMachines, type GroupPlaces } from "./qemu-record.ts";
import { hashSettings } from "./qemu-settings.ts";
import { Turns } from "./turns.ts";

export interface MachinesOptions {
  readonly qemu: QemuPrograms;
  readonly ssh: SshPrograms;
  /** For QEMU and for what records its console: both outlive the provider. */
  readonly start: StartDetached;
  /** Records, overlays and consoles are in its folder `qemu`. */
  readonly stateDirectory: string;
  /** How long a guest may take to shut down before it is switched off. */
  readonly shutdownSeconds?: number;
}

export function machines(options: MachinesOptions): Machines {
  const { qemu, ssh } = options;
  const accelerators = new Accelerators(qemu);
  const patience = new Patience();
  const tools: MachineTools = { qemu, ssh, startDetached: options.start, accelerators, shutdownSeconds: options.shutdownSeconds ?? 60 };
  return {
    preflight: async (settings, signal) => {
      const { architecture } = settings.platform;
      await qemu.requirePrograms(architecture, signal);
      const firmware = await findFirmware(architecture);
      return accelerators.choose({ wanted: settings.accelerator, architecture, firmware, signal });
    },
    group: (key) => group(groupPlaces(options.stateDirectory, key), tools, patience),
    list: async () => ({ directory: groupsFolder(options.stateDirectory), keys: await knownKeys(options.stateDirectory) }),
    settingsHash: hashSettings,
  };
}

function group(places: GroupPlaces, tools: MachineTools, patience: Patience): MachineGroupPort {
  const { ssh } = tools;
  const turns = new Turns();
  const machine = (name: string): Machine => new Machine(name, { places, tools, turns });
  const hold = (signal: AbortSignal): Promise<void> => holdGroup(places, signal);
  return {
    observe: async (healthCheck, signal) => {
      const names = await recordedMachines(places);
      return Promise.all(names.map((name) => observeMachine({ machine: machine(name), ssh, patience, healthCheck, signal })));
    },
    refuseStrangers: () => refuseStrangers(places),
    remember: (told) => rememberGroup(places, told),
    recall: () => recallGroup(places),
    driver: (target) => qemuDriver({ machine, ssh, patience, hold }, target),
    remove: async (name, request) => {
      await hold(request.signal);
      await machine(name).remove(request);
    },
    removeGroup: async (signal) => {
      await hold(signal);
      const left = await recordedMachines(places);
      if (left.length > 0) return;
      await rm(places.machines, { recursive: true, force: true });
      await rm(places.disks, { recursive: true, force: true });
      for (const file of [places.memory, places.holder]) await rm(file, { force: true });
      // Data disks that were to be kept keep the folder.
      for (const folder of [places.data, places.folder])
        if ((await listNames(folder)).length === 0) await rmdir(folder).catch(() => undefined);
      await releaseGroup(places);
    },
  };
}
