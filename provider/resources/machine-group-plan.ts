/** What a preview says of a MachineGroup: the waves with their names, and the ports and consoles that are known before the work. */
import type { Digest } from "../model/digest.ts";
import type { Rejection, RolloutRules } from "../rollout/fleet.ts";
import { planRollout, type RolloutPlan } from "../rollout/plan.ts";
import { boundNames, renderPlan } from "../rollout/render.ts";
import type { Checked, CheckedFields } from "../spec/handlers.ts";
import { isKnown, known } from "../spec/known.ts";
import { Unknown, unknown } from "../spec/value.ts";
import type { MachineGroupArgs, MachineGroupState } from "./machine-group-spec.ts";
import { hashesOf, hostsOf, type GroupTarget } from "./machine-group-target.ts";
import type { MachineFacts, Machines } from "./ports.ts";

type Args = CheckedFields<MachineGroupArgs>;

/** Stands for an image that is not built yet: no machine runs it. */
export const notBuilt: Digest = `sha256:${"0".repeat(64)}`;

/** How many machines are started or swapped at once, whatever the rules allow: they share this computer. */
export const concurrency = 4;

export interface PlannedGroup {
  readonly args: Args;
  readonly facts: readonly MachineFacts[];
  readonly target: GroupTarget;
  readonly rejected: Rejection | undefined;
}

export interface GroupPlan {
  readonly plan: RolloutPlan;
  /** Machines whose names were taken out. */
  readonly leaving: readonly string[];
}

/** Undefined while names or rules are not known. */
export function planGroup({ args, facts, target, rejected }: PlannedGroup): GroupPlan | undefined {
  const names = known<readonly string[]>(args.machines);
  const rules = known<RolloutRules>(args.rollout);
  if (names === undefined || rules === undefined) return undefined;
  const hosts = hostsOf(names, facts, target);
  const refused = rejected === undefined ? {} : { rejected };
  const plan = planRollout({ hosts, target: target.digest, rules, concurrency, ...refused });
  return { plan, leaving: facts.map(({ name }) => name).filter((name) => !names.includes(name)) };
}

export function planText({ plan, leaving }: GroupPlan): string {
  const rollout = plan.target === notBuilt ? renderPlan(plan, "the image that is built first") : renderPlan(plan);
  const stops = leaving.length === 0 ? "" : `stop ${boundNames(leaving)}`;
  return [rollout, stops].filter((line) => line !== "").join("\n");
}

const settingNames = ["memory", "cpus", "ports", "dataDisks", "sshAuthorizedKeys", "files", "accelerator", "disk", "machines"] as const;

/** Undefined while one of the settings is not known. */
export function plannedHashes(machines: Machines, args: Args): ReadonlyMap<string, string> | undefined {
  if (!settingNames.every((name) => isKnown(args[name]))) return undefined;
  const settled = args as Pick<MachineGroupArgs, (typeof settingNames)[number]>;
  return hashesOf(machines, settled, settled.machines);
}

/** Ports that machines have are kept; what the kernel has yet to choose is not known. */
export function plannedPlaces(
  args: Args,
  facts: readonly MachineFacts[],
): Pick<CheckedFields<MachineGroupState>, "endpoints" | "consoles"> {
  const names = known<readonly string[]>(args.machines);
  if (names === undefined) return { endpoints: unknown, consoles: unknown };
  const byName = new Map(facts.map((one) => [one.name, one]));
  const consoles = names.map((name): [string, Checked<string>] => [name, byName.get(name)?.console ?? unknown]);
  const endpoints = names.map((name) => [name, plannedPorts(args.ports, name, byName.get(name))] as const);
  return { endpoints: Object.fromEntries(endpoints), consoles: Object.fromEntries(consoles) };
}

function plannedPorts(ports: Args["ports"], name: string, facts: MachineFacts | undefined): Checked<Record<string, string>> {
  if (ports instanceof Unknown) return unknown;
  const entries = Object.entries(ports).map(([guestPort, machines]): [string, Checked<string>] => {
    const fixed = machines instanceof Unknown ? unknown : machines[name];
    const port = fixed === undefined ? facts?.ports[guestPort] : fixed;
    return [guestPort, port === undefined || port instanceof Unknown ? unknown : `127.0.0.1:${port}`];
  });
  return Object.fromEntries(entries);
}
