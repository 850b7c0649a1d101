/** The plan as a person reads it in a preview: at most six lines, names bounded, nothing when there is nothing to do. */
import { shortDigest } from "../model/digest.ts";
import { settingsChanged, type RolloutPlan, type Step, type Wave } from "./plan.ts";

const namesShown = 5;

/** The empty text means that no host is touched. `image` is what the target is called. */
export function renderPlan(plan: RolloutPlan, image: string = shortDigest(plan.target)): string {
  if (plan.refused !== undefined) return renderRefusal(plan);
  const lines = [headline(plan, image), changedSettings(plan), blocked(plan), later(plan)];
  return lines.filter((line) => line !== "").join("\n");
}

/** `kiosk-1, kiosk-2 and 96 more`. */
export function boundNames(names: readonly string[], shown = namesShown): string {
  // "and 1 more" would be no shorter than the name.
  if (names.length <= shown + 1) return names.join(", ");
  return `${names.slice(0, shown).join(", ")} and ${names.length - shown} more`;
}

function renderRefusal({ target, refused, restores = [] }: RolloutPlan): string {
  const back = restores.length === 0 ? "" : ` Back to what worked: ${boundNames(restores)}`;
  return `no rollout: ${shortDigest(target)} was taken back at ${refused?.at}: ${refused?.reason}${back}`;
}

function headline(plan: RolloutPlan, image: string): string {
  const waves = plan.waves.map(renderWave);
  if (waves.length === 0) return "";
  const steps = plan.waves.flatMap((wave) => wave.steps);
  const title = steps.every(isSettingsOnly) ? "restart with changed settings" : `rollout to ${image}`;
  return `${title}: ${waves.join(", then ")}${safeguards(plan, steps)}`;
}

function isSettingsOnly(step: Step): boolean {
  return step.reason === settingsChanged;
}

function renderWave({ kind, steps, atOnce, bakeSeconds }: Wave): string {
  const verb = {
    check: "confirm ",
    canary: steps.every((step) => step.kind === "check") ? "confirm " : "canary ",
    down: downVerb(steps),
    slots: "",
    last: "last ",
  }[kind];
  const pace = atOnce > 1 && atOnce < steps.length ? ` (${atOnce} at once)` : "";
  const bake = bakeSeconds > 0 ? ` (watched for ${bakeSeconds} s)` : "";
  return `${verb}${boundNames(steps.map((step) => step.host))}${pace}${bake}`;
}

function downVerb(steps: readonly Step[]): string {
  if (steps.every((step) => step.kind === "create")) return "start ";
  return steps.some((step) => step.kind === "create") ? "start or repair " : "unhealthy ";
}

/** Said only where a working host goes down. */
function safeguards({ rules }: RolloutPlan, steps: readonly Step[]): string {
  if (!steps.some((step) => step.kind === "swap")) return "";
  const labels = Object.entries(rules.perLabel ?? {}).map(([label, limit]) => `, ${limit} per ${label}`);
  const failures = rules.failureBudget > 0 ? `after ${rules.failureBudget + 1} failures` : "on failure";
  return ` (at most ${rules.maxUnavailable}${labels.join("")} unavailable; ${failures}: ${rules.onFailure})`;
}

function changedSettings({ waves }: RolloutPlan): string {
  const steps = waves.flatMap((wave) => wave.steps);
  const changed = steps.filter(isSettingsOnly);
  if (changed.length === 0 || changed.length === steps.length) return "";
  return `settings changed: ${boundNames(changed.map((step) => step.host))}`;
}

function blocked({ blocked }: RolloutPlan): string {
  return blocked.length === 0 ? "" : `cannot restart while others are down: ${boundNames(blocked)}`;
}

function later({ postponed }: RolloutPlan): string {
  const reasons = new Map<string, string[]>();
  for (const { host, reason, prepare } of postponed) {
    const key = prepare ? "window closed" : reason;
    const hosts = reasons.get(key);
    if (hosts === undefined) reasons.set(key, [host]);
    else hosts.push(host);
  }
  const parts = [...reasons].map(([reason, hosts]) => `${boundNames(hosts)} (${reason})`);
  return parts.length === 0 ? "" : `left for later: ${parts.join("; ")}`;
}
