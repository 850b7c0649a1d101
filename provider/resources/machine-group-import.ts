/** What a MachineGroup was when its last run ended, kept beside its machines: an import gets it back. */
import { isDeepStrictEqual } from "node:util";
import { Failure } from "../failure.ts";
import { readFields } from "../spec/check.ts";
import type { CallContext } from "../spec/served.ts";
import { encodeState, readState, type Owner } from "../spec/state.ts";
import type { ValueMap } from "../spec/value.ts";
import { machineGroupSpec, type MachineGroupArgs, type MachineGroupState } from "./machine-group-spec.ts";
import type { MachineGroupPort, Machines } from "./ports.ts";

export interface ToldGroup {
  readonly args: MachineGroupArgs;
  readonly state: MachineGroupState;
}

function ownerOf(name: string): Owner {
  return { name: `MachineGroup "${name}"`, outputs: machineGroupSpec.outputs, stateVersion: machineGroupSpec.stateVersion };
}

/** The work is done: that an import will not know of it is one line to say, and no failure. */
export async function rememberGroup(group: MachineGroupPort, { args, state }: ToldGroup): Promise<string | undefined> {
  try {
    await group.remember({ args, state: encodeState(ownerOf(state.key), state, {}) });
    return undefined;
  } catch (thrown) {
    return `what this run did could not be kept for a later pulumi import: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  }
}

/** `key` is what the user imports. */
export async function recallGroup(machines: Machines, key: string, context: CallContext): Promise<ToldGroup> {
  const { directory, keys } = await machines.list();
  if (!keys.includes(key)) throw notHere(key, { directory, keys });
  const recalled = await machines.group(key).recall();
  if (recalled === undefined) throw neverEnded(key);
  if (recalled.elsewhere !== undefined) {
    const advice = "a state there that still knows them has to forget them (pulumi state delete)";
    context.report.warn(`these machines were changed last ${recalled.elsewhere}; ${advice}`);
  }
  const state = readState(ownerOf(key), recalled.state as ValueMap) as unknown as MachineGroupState;
  return { args: readFields(machineGroupSpec.inputs, recalled.args as ValueMap) as unknown as MachineGroupArgs, state };
}

/** Without what Check fills in: the program that an import writes shows what was said, and `booted` would hold back every later image. */
export function saidBy(args: MachineGroupArgs): Partial<MachineGroupArgs> {
  const defaults = new Map(Object.entries(readFields(machineGroupSpec.inputs, {})));
  const said = Object.entries(args).filter(([name, value]) => name !== "booted" && !isDeepStrictEqual(value, defaults.get(name)));
  return Object.fromEntries(said);
}

function notHere(key: string, { directory, keys }: Awaited<ReturnType<Machines["list"]>>): Failure {
  const where = `on this computer (in ${directory})`;
  if (keys.length === 0) {
    return new Failure({
      kind: "input",
      message: `${JSON.stringify(key)} is not the key of a MachineGroup ${where}: there is none.`,
      fix: "run pulumi import on the computer where the machines are, as the user who made them.",
    });
  }
  return new Failure({
    kind: "input",
    message: `${JSON.stringify(key)} is not the key of a MachineGroup ${where}. There ${keys.length === 1 ? "is" : "are"}:`,
    detail: keys.map((known) => `  ${known}`).join("\n"),
    fix: `give the whole key, in single quotes: pulumi import ${machineGroupSpec.token} <name> '${keys[0]}'.`,
  });
}

function neverEnded(key: string): Failure {
  return new Failure({
    kind: "input",
    message: `MachineGroup ${JSON.stringify(key)} cannot be imported: no run that made its machines has ended, so nobody knows what its program said.`,
    fix: "run pulumi up with that program where it was run before: it goes on with the machines that are there.",
  });
}
