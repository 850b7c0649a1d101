/** From machines as they were observed to the outputs of a MachineGroup: literal truth, whatever was asked for. */
import { isDigest, shortDigest } from "../model/digest.ts";
import type { Rejection } from "../rollout/fleet.ts";
import { boundNames } from "../rollout/render.ts";
import type { Change } from "../spec/served.ts";
import type { MachineGroupState } from "./machine-group-spec.ts";
import type { MachineFacts } from "./ports.ts";

export type BootedMap = MachineGroupState["booted"];

/** Machines that run, by what they run; `absent` ones are missing. */
export function bootedOf(facts: readonly MachineFacts[]): BootedMap {
  return Object.fromEntries(
    facts.flatMap(({ name, health, booted }) => (health === "absent" || booted === undefined ? [] : [[name, booted]])),
  );
}

/** What an unfinished rollout left running: the next run has to judge it, and only state tells Diff so. */
export function unsettledOf(facts: readonly MachineFacts[]): Pick<MachineGroupState, "unsettled"> {
  const unsettled = facts.filter(({ health, settled }) => health !== "absent" && settled === false).map(({ name }) => name);
  return unsettled.length === 0 ? {} : { unsettled };
}

export function placesOf(facts: readonly MachineFacts[]): Pick<MachineGroupState, "endpoints" | "consoles"> {
  const running = facts.filter(({ health }) => health !== "absent");
  const addresses = (ports: MachineFacts["ports"]): Record<string, string> =>
    Object.fromEntries(Object.entries(ports).map(([guestPort, port]) => [guestPort, `127.0.0.1:${port}`]));
  return {
    endpoints: Object.fromEntries(running.map(({ name, ports }) => [name, addresses(ports)])),
    consoles: Object.fromEntries(facts.map(({ name, console }) => [name, console])),
  };
}

export function rejectionOf(state: MachineGroupState | undefined): Rejection | undefined {
  const rejected = state?.rejected;
  return rejected !== undefined && isDigest(rejected.digest) ? { ...rejected, digest: rejected.digest } : undefined;
}

/** The one of the references whose digest all machines run. */
export function commonImage(booted: BootedMap, references: readonly (string | undefined)[]): { readonly image?: string } {
  const digests = [...new Set(Object.values(booted))];
  const image = digests.length === 1 ? references.find((reference) => reference?.endsWith(`@${digests[0]}`)) : undefined;
  return image === undefined ? {} : { image };
}

/** What each machine is to run against what it runs: shown as `booted: { ~ kiosk-1: "9f2c…" => "77aa…" }`. */
export function bootedChanges(wanted: object, { booted, unsettled = [] }: Pick<MachineGroupState, "booted" | "unsettled">): Change[] {
  const targets = new Map<string, unknown>(Object.entries(wanted));
  const names = [...new Set([...targets.keys(), ...Object.keys(booted)])];
  return names.flatMap((name): Change[] => {
    const path = ["booted", name];
    if (!targets.has(name)) return [{ path, kind: "delete", inputDiff: false }];
    if (!Object.hasOwn(booted, name)) return [{ path, kind: "add", inputDiff: false }];
    const done = targets.get(name) === booted[name] && !unsettled.includes(name);
    return done ? [] : [{ path, kind: "update", inputDiff: false }];
  });
}

/** One line about machines that are not as the last run left them; empty where all are. */
export function driftText(before: BootedMap, facts: readonly MachineFacts[]): string {
  const byName = new Map(facts.map((one) => [one.name, one]));
  const seen = new Map<string, string[]>();
  // The engine keeps maps in no order.
  for (const [name, digest] of Object.entries(before).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const drift = driftOf(byName.get(name), digest);
    if (drift !== undefined) seen.set(drift, [...(seen.get(drift) ?? []), name]);
  }
  return [...seen].map(([drift, names]) => `${boundNames(names)} ${drift}`).join("; ");
}

function driftOf(facts: MachineFacts | undefined, digest: string): string | undefined {
  if (facts === undefined) return "not on this computer";
  if (facts.health === "absent") return "not running";
  if (facts.booted !== undefined && facts.booted !== digest) return `on ${shortDigest(facts.booted)} instead of ${shortDigest(digest)}`;
  return facts.health === "healthy" ? undefined : facts.health;
}
