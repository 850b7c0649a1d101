/** A MachineGroup in preview: asks machines and registry, starts nothing, and answers every output that is known before the work. */
import { known } from "../spec/known.ts";
import type { CallContext } from "../spec/served.ts";
import { Unknown, unknown } from "../spec/value.ts";
import { notBuilt, plannedHashes, plannedPlaces, planGroup, planText, type GroupPlan } from "./machine-group-plan.ts";
import type { MachineGroupArgs, MachineGroupHandlers, MachineGroupPorts } from "./machine-group-spec.ts";
import { rejectionOf } from "./machine-group-state.ts";
import { describeDisk, keyOf, pinnedReference, rememberedMachines, type GroupTarget } from "./machine-group-target.ts";
import type { MachineFacts } from "./ports.ts";

type Preview = MachineGroupHandlers["preview"];
type Request = Parameters<Preview>[0];

const longestLookSeconds = 5;

export async function previewGroup(ports: MachineGroupPorts, request: Request): ReturnType<Preview> {
  const { args, old, context } = request;
  const facts = await lookAtMachines(ports, request);
  const target = await plannedTarget(ports, args, context);
  const rejected = args.retryRejected === true ? undefined : rejectionOf(old?.state);
  const planned = planGroup({ args, facts, target, rejected });
  say(context, planned);
  const sameAccelerator = old !== undefined && old.args.accelerator === args.accelerator;
  return {
    booted: args.booted,
    image: args.image,
    ...plannedPlaces(args, facts),
    accelerator: sameAccelerator ? old.state.accelerator : unknown,
    key: keyOf(old?.state, context),
    diskIdentity: target.diskIdentity ?? unknown,
    ...(planned?.plan.refused === undefined ? {} : { rejected: planned.plan.refused }),
  };
}

async function lookAtMachines(ports: MachineGroupPorts, { args, old, context }: Request): Promise<readonly MachineFacts[]> {
  if (ports.offline()) return rememberedMachines(old?.state);
  const healthCheck = known<NonNullable<MachineGroupArgs["healthCheck"]>>(args.healthCheck);
  const group = ports.machines.group(keyOf(old?.state, context));
  const found = await group.observe(healthCheck, context.signal);
  if (old === undefined && found.length > 0) await group.refuseStrangers();
  return found;
}

function say({ report }: CallContext, planned: GroupPlan | undefined): void {
  if (planned === undefined) return;
  const text = planText(planned);
  if (planned.plan.refused !== undefined) report.warn(text);
  else if (text !== "") report.info(text);
}

async function plannedTarget(ports: MachineGroupPorts, args: Request["args"], context: CallContext): Promise<GroupTarget> {
  const settingsHashes = plannedHashes(ports.machines, args);
  const nothing = { manifest: undefined, diskIdentity: undefined, settingsHashes };
  if (args.image instanceof Unknown) return { digest: notBuilt, ...nothing };
  const image = pinnedReference(args.image);
  const disk = known<MachineGroupArgs["disk"]>(args.disk);
  if (disk === undefined) return { digest: image.digest, ...nothing };
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(longestLookSeconds * 1000)]);
  return { digest: image.digest, ...(await describeDisk(ports, { image, disk, signal })), settingsHashes };
}
