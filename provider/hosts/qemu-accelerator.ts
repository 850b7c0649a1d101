/** KVM or emulation: decided by a trial, since a KVM device that opens may fail at the first instruction. */
import { access, constants } from "node:fs/promises";
import { Failure } from "../failure.ts";
import { platformOf } from "../model/platform.ts";
import type { Firmware } from "../model/virtual-machine.ts";
import type { QemuPrograms } from "./qemu-programs.ts";

export interface Acceleration {
  readonly accelerator: "kvm" | "tcg";
  readonly remark?: string;
}

const device = "/dev/kvm";
const ownArchitecture = platformOf(process.arch).architecture;

function isForeign(architecture: string): boolean {
  return architecture !== ownArchitecture;
}

/** One trial per process and architecture; an aborted one does not count. */
export class Accelerators {
  readonly #qemu: QemuPrograms;
  readonly #trials = new Map<string, Promise<string | undefined>>();

  constructor(qemu: QemuPrograms) {
    this.#qemu = qemu;
  }

  async choose(request: {
    wanted: "auto" | "kvm" | "tcg";
    architecture: string;
    firmware: Firmware;
    signal: AbortSignal;
  }): Promise<Acceleration> {
    if (request.wanted === "tcg") return { accelerator: "tcg" };
    const problem = await this.#problem(request);
    if (problem === undefined) return { accelerator: "kvm" };
    if (request.wanted === "auto")
      return { accelerator: "tcg", remark: `KVM does not work here (${problem}): machines are emulated, which is slow` };
    const otherwise = 'set accelerator to "auto" or "tcg".';
    throw new Failure({
      kind: "environment",
      message: `accelerator "kvm" does not work on this computer: ${problem}.`,
      // No rights on the device would help a foreign machine.
      fix: isForeign(request.architecture) ? otherwise : `give this user access to a working ${device}, or ${otherwise}`,
    });
  }

  #problem({
    architecture,
    firmware,
    signal,
  }: {
    architecture: string;
    firmware: Firmware;
    signal: AbortSignal;
  }): Promise<string | undefined> {
    const known = this.#trials.get(architecture);
    if (known !== undefined) return known;
    const trial = this.#try(architecture, firmware, signal);
    this.#trials.set(architecture, trial);
    trial.catch(() => this.#trials.delete(architecture));
    return trial;
  }

  async #try(architecture: string, firmware: Firmware, signal: AbortSignal): Promise<string | undefined> {
    if (isForeign(architecture)) return `it runs ${ownArchitecture} machines only, and ${architecture} is wanted`;
    const refused = await access(device, constants.R_OK | constants.W_OK).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? `there is no ${device}` : `${device} cannot be opened (${error.code})`),
    );
    return refused ?? this.#qemu.tryKvm(architecture, firmware, signal);
  }
}
