/** The MachineGroup resource: virtual machines on this computer. Its parts lie beside it: what it is, its plan, its work, its outputs. */
import { Failure } from "../failure.ts";
import { serve } from "../spec/resource.ts";
import type { Change, ServedResource } from "../spec/served.ts";
import { Unknown } from "../spec/value.ts";
import { checkBootLoader } from "./disk-boot-loader.ts";
import { checkMachineGroup, deriveBooted } from "./machine-group-check.ts";
import { ensureGroup, removeMachines } from "./machine-group-ensure.ts";
import { recallGroup, saidBy } from "./machine-group-import.ts";
import { previewGroup } from "./machine-group-preview.ts";
import {
  machineGroupSpec,
  type MachineGroupArgs,
  type MachineGroupHandlers,
  type MachineGroupPorts,
  type MachineGroupState,
} from "./machine-group-spec.ts";
import { bootedChanges, bootedOf, commonImage, driftText, placesOf, unsettledOf } from "./machine-group-state.ts";
import { pinnedReference } from "./machine-group-target.ts";
import type { MachineFacts } from "./ports.ts";

export function machineGroup(ports: MachineGroupPorts): ServedResource {
  return serve(machineGroupSpec, {
    check: (request) => checkGroup(ports, request),
    diff: diffGroup,
    preview: (request) => previewGroup(ports, request),
    ensure: (request) => ensureGroup(ports, request),
    read: (request) => readGroup(ports, request),
    remove: (request) => removeGroup(ports, request),
  });
}

type Check = NonNullable<MachineGroupHandlers["check"]>;

async function checkGroup(ports: MachineGroupPorts, { args }: Parameters<Check>[0]): ReturnType<Check> {
  const loader = await checkBootLoader(ports.disks, args.disk);
  return { derived: { booted: deriveBooted(args), ...loader.derived }, failures: [...checkMachineGroup(args), ...loader.failures] };
}

/** What each machine runs decides, not what it was told to run. */
const diffGroup: NonNullable<MachineGroupHandlers["diff"]> = ({ args, state, derived }) => {
  const others = derived.filter(({ path }) => path[0] !== "booted");
  const whole: Change = { path: ["booted"], kind: "update", inputDiff: false };
  // What an import stored has not been through Check, and a refresh compares with that.
  const wanted: typeof args.booted | undefined = args.booted;
  if (wanted === undefined) return others;
  return [...others, ...(wanted instanceof Unknown ? [whole] : bootedChanges(wanted, state))];
};

async function readGroup(
  ports: MachineGroupPorts,
  request: Parameters<MachineGroupHandlers["read"]>[0],
): ReturnType<MachineGroupHandlers["read"]> {
  const { id, context } = request;
  const imported = request.args === undefined || request.state === undefined;
  const { args, state } = imported ? await recallGroup(ports.machines, id, context) : { args: request.args, state: request.state };
  // Which of the files' contents were secrets is not kept beside the machines.
  const answer = imported ? { args: saidBy(args), secret: ["files"] as const } : { args };
  if (ports.offline()) return { kind: "present", ...answer, state };
  try {
    const facts = await ports.machines.group(state.key).observe(args.healthCheck, context.signal);
    const shown = facts.map((one) => underStoredName(one, args, state));
    const drift = driftText(state.booted, shown);
    if (drift !== "") context.report.warn(`since the last run: ${drift}`);
    return { kind: "present", ...answer, state: refreshed(args, state, shown) };
  } catch (thrown) {
    if (thrown instanceof Failure && !imported && !context.signal.aborted) return { kind: "unsure", reason: unsure(context.name, thrown) };
    throw thrown;
  }
}

/** An index and its child are one image; the state knows it by the reference that the program gave. */
function underStoredName(facts: MachineFacts, args: MachineGroupArgs, state: MachineGroupState): MachineFacts {
  const same = facts.booted !== undefined && facts.diskIdentity !== undefined && facts.diskIdentity === state.diskIdentity;
  return same ? { ...facts, booted: pinnedReference(args.image).digest } : facts;
}

/** Never gone: whoever reads on another computer sees no machine, and must not forget them. */
function refreshed(args: MachineGroupArgs, state: MachineGroupState, facts: readonly MachineFacts[]): MachineGroupState {
  const { image: _image, unsettled: _unsettled, ...rest } = state;
  const booted = bootedOf(facts);
  return { ...rest, booted, ...placesOf(facts), ...unsettledOf(facts), ...commonImage(booted, [args.image, state.image]) };
}

function unsure(name: string, cause: Failure): Failure {
  return new Failure({
    kind: cause.kind,
    message: `Could not tell what the machines of MachineGroup "${name}" run: ${cause.message} Its state was kept.`,
    ...(cause.fix === undefined ? {} : { fix: cause.fix }),
    cause,
  });
}

/** Machines that are gone already are no failure. */
async function removeGroup(
  ports: MachineGroupPorts,
  { args, state, context }: Parameters<MachineGroupHandlers["remove"]>[0],
): Promise<void> {
  const group = ports.machines.group(state.key);
  const leavers = await group.observe(undefined, context.signal);
  if (leavers.length === 0) context.report.warn("no machine of it is on this computer, so none was stopped");
  await removeMachines(group, { leavers, args, context });
  await group.removeGroup(context.signal);
}
