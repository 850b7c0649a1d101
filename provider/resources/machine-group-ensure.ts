/** Brings a MachineGroup to what the program says: stops who left, moves the rest by the rules, reads back. */
import { Failure } from "../failure.ts";
import { executeRollout } from "../rollout/execute.ts";
import type { HostFacts, Rejection } from "../rollout/fleet.ts";
import { inPool } from "../rollout/pool.ts";
import type { RolloutResult } from "../rollout/result.ts";
import type { CallContext } from "../spec/served.ts";
import { judgeImage } from "./disk-checks.ts";
import { plainDiskOptions } from "./disk-options.ts";
import { judgedBy } from "./machine-group-driver.ts";
import { rememberGroup } from "./machine-group-import.ts";
import { concurrency } from "./machine-group-plan.ts";
import type { MachineGroupArgs, MachineGroupHandlers, MachineGroupPorts, MachineGroupState } from "./machine-group-spec.ts";
import { bootedOf, commonImage, placesOf, rejectionOf, unsettledOf } from "./machine-group-state.ts";
import { describeDisk, hashesOf, hostOf, hostsOf, keyOf, pinnedReference, settingsOf, type GroupTarget } from "./machine-group-target.ts";
import type { MachineFacts, MachineGroupPort } from "./ports.ts";
import { progressText } from "./progress-text.ts";

type Ensure = MachineGroupHandlers["ensure"];
type Request = Parameters<Ensure>[0];

/** Nothing is remembered between runs but what the machines themselves show, so that a crash at any line is gone on from. */
export async function ensureGroup(ports: MachineGroupPorts, request: Request): ReturnType<Ensure> {
  const { args, old, context } = request;
  const accelerator = await chooseAccelerator(ports, request);
  const key = keyOf(old?.state, context);
  const group = ports.machines.group(key);
  const found = await group.observe(args.healthCheck, context.signal);
  if (old === undefined && found.length > 0) await group.refuseStrangers();
  const leavers = found.filter(({ name }) => !args.machines.includes(name));
  if (refusalOf(request) === undefined) await removeMachines(group, { leavers, args, context });
  const target = await targetOf(ports, args, context.signal);
  const result = await moveMachines(ports, { request, group, target, hosts: hostsOf(args.machines, found, target) });
  for (const remark of result.remarks) context.report.warn(remark);
  const facts = (await readBack(group, request, result)).map((one) => hostOf(one, target));
  const state = { ...stateOf({ request, result, facts, target }), key, accelerator };
  // What the engine stores: after a failed update the old arguments.
  const stored = result.failure === undefined || old === undefined ? args : old.args;
  const unkept = await rememberGroup(group, { args: stored, state });
  if (unkept !== undefined && result.failure === undefined) context.report.warn(unkept);
  return { state, ...(result.failure === undefined ? {} : { incomplete: result.failure }) };
}

function subjectOf({ name }: CallContext): string {
  return `MachineGroup "${name}"`;
}

/** The image was taken back before, and nobody asked to try it again. */
function refusalOf({ args, old }: Request): Rejection | undefined {
  const rejected = args.retryRejected ? undefined : rejectionOf(old?.state);
  return rejected?.digest === pinnedReference(args.image).digest ? rejected : undefined;
}

async function chooseAccelerator(ports: MachineGroupPorts, { args, old, context }: Request): Promise<"kvm" | "tcg"> {
  const { accelerator, remark } = await ports.machines.preflight(settingsOf(args, args.machines[0] ?? ""), context.signal);
  // Said once, not at every update.
  if (remark !== undefined && accelerator !== old?.state.accelerator) context.report.warn(remark);
  return accelerator;
}

interface Leaving {
  readonly leavers: readonly MachineFacts[];
  readonly args: MachineGroupArgs;
  readonly context: CallContext;
}

export async function removeMachines(group: MachineGroupPort, { leavers, args, context }: Leaving): Promise<void> {
  await inPool(leavers, concurrency, async ({ name }) => {
    context.report.status(`${name}: stopping`);
    await group.remove(name, { dataDisks: args.onDelete === "delete", signal: context.signal });
  });
}

async function targetOf(ports: MachineGroupPorts, args: MachineGroupArgs, signal: AbortSignal): Promise<GroupTarget> {
  const image = pinnedReference(args.image);
  const disk = await describeDisk(ports, { image, disk: args.disk, signal });
  return { digest: image.digest, ...disk, settingsHashes: hashesOf(ports.machines, args, args.machines) };
}

interface Move {
  readonly request: Request;
  readonly group: MachineGroupPort;
  readonly target: GroupTarget;
  readonly hosts: readonly HostFacts[];
}

function moveMachines(ports: MachineGroupPorts, { request, group, target, hosts }: Move): Promise<RolloutResult> {
  const { args, old, context } = request;
  const rejected = refusalOf(request);
  const report = (text: string): void => context.report.status(text);
  const image = pinnedReference(args.image);
  const options = plainDiskOptions(args.disk);
  const inspect = judgeImage({ args, old: old?.args, targets: () => ["qemu"], report: context.report });
  const driver = group.driver({
    image,
    disk: () => ports.disks.make({ image, options, inspect, signal: context.signal, onProgress: progressText(report) }),
    settings: Object.fromEntries(args.machines.map((name) => [name, settingsOf(args, name)])),
    ...(args.healthCheck === undefined ? {} : { healthCheck: args.healthCheck }),
    report,
  });
  return executeRollout({
    subject: subjectOf(context),
    hosts,
    target: target.digest,
    rules: args.rollout,
    ...(rejected === undefined ? {} : { rejected }),
    driver: judgedBy(driver, target),
    clock: ports.clock,
    signal: context.signal,
    onProgress: report,
    concurrency,
    // Asking a machine on this computer costs nothing.
    freshSeconds: 5,
  });
}

/** After Ctrl-C there is a second left: who runs is asked, how they are is not. */
async function readBack(group: MachineGroupPort, { args, context }: Request, { failure }: RolloutResult): Promise<readonly MachineFacts[]> {
  if (!context.signal.aborted) return group.observe(args.healthCheck, context.signal);
  return group.observe(undefined, AbortSignal.timeout(1000)).catch((thrown: unknown) => {
    throw failure ?? new Failure({ kind: "environment", message: `${subjectOf(context)} could not be read back.`, cause: thrown });
  });
}

interface Outcome {
  readonly request: Request;
  readonly result: RolloutResult;
  readonly facts: readonly MachineFacts[];
  readonly target: GroupTarget;
}

/** The identity goes with the inputs that will be stored: the old ones after a failed update. */
function stateOf({ request, result, facts, target }: Outcome): Omit<MachineGroupState, "key" | "accelerator"> {
  const { args, old } = request;
  const booted = bootedOf(facts);
  const failed = result.failure !== undefined;
  const diskIdentity = failed && old !== undefined ? old.state.diskIdentity : target.diskIdentity;
  const rejected = result.rejection ?? (failed ? old?.state.rejected : undefined);
  return {
    booted,
    ...commonImage(booted, [args.image, old?.args.image, old?.state.image]),
    ...placesOf(facts),
    ...unsettledOf(facts),
    ...(diskIdentity === undefined ? {} : { diskIdentity }),
    ...(rejected === undefined ? {} : { rejected }),
  };
}
