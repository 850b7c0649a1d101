/** What a person is told about a rollout that stopped: where, why, what became of every host, and what to do. */
import { Failure } from "../failure.ts";
import { shortDigest } from "../model/digest.ts";
import { noRoom } from "./attempt.ts";
import type { HostFacts, Rejection } from "./fleet.ts";
import { boundNames } from "./render.ts";
import type { Outcome } from "./result.ts";
import type { HostFailure, Run, Stop } from "./run.ts";

export function refusedFailure(run: Run, { digest, at, reason }: Rejection): Failure {
  const message = `Image ${shortDigest(digest)} was not rolled out to ${run.request.subject} again: it was taken back at ${at}, since ${sentence(reason)}`;
  return new Failure({
    kind: "input",
    code: "rollout-refused",
    message: [message, ...(run.outcomes.size === 0 ? [] : hostSentences(run))].join(" "),
    fix: "correct the image, or set retryRejected to true to try this one once more.",
  });
}

/** Ctrl-C, or a timeout. */
export function cancelledFailure(run: Run): Failure {
  return new Failure({
    kind: "environment",
    code: "cancelled",
    message: [`The rollout of ${shortDigest(run.target)} to ${run.request.subject} was cancelled.`, ...hostSentences(run)].join(" "),
    fix: "run pulumi up again; it goes on from what the hosts run.",
  });
}

export function stopFailure(run: Run, stop: Stop): Failure {
  if (stop.kind === "blocked") return blockedFailure(run, stop.host);
  if (stop.kind === "canary-lost") return lostFailure(run, stop.host);
  const last = run.failures.at(-1);
  return last === undefined ? blockedFailure(run, "") : hostsFailure(run, last);
}

function hostsFailure(run: Run, last: HostFailure): Failure {
  const { subject, rules } = run.request;
  const many = run.failures.length > 1 ? `after ${run.failures.length} failures (failureBudget is ${rules.failureBudget}), the last ` : "";
  const where = `${many}at ${last.host}${run.canaries.has(last.host) ? " (canary)" : ""}`;
  const message = `The rollout of ${shortDigest(run.target)} to ${subject} stopped ${where}: ${sentence(last.reason.message)}`;
  const rejected = run.failures.some((failure) => failure.rejects);
  return new Failure({
    kind: last.reason.kind,
    code: "rollout-stopped",
    message: [message, ...hostSentences(run)].join(" "),
    ...(last.reason.detail === undefined ? {} : { detail: last.reason.detail }),
    fix: rejected
      ? "correct the image and run pulumi up again; this image is refused until it changes or retryRejected is true."
      : (last.reason.fix ?? `look at ${last.host}, then run pulumi up again; it goes on from what the hosts run.`),
    cause: last.reason,
  });
}

function blockedFailure(run: Run, host: string): Failure {
  const down = run.view.unavailable().map((one) => `${one.name} (${one.health})`);
  const refusal = run.view.refusal(host);
  const room = refusal === undefined ? "no budget lets it restart." : noRoom(refusal).message;
  const start = `The rollout of ${shortDigest(run.target)} to ${run.request.subject} stopped before ${host}: ${room}`;
  return new Failure({
    kind: "remote",
    code: "rollout-blocked",
    message: [start, `Down: ${boundNames(down)}.`, ...hostSentences(run)].join(" "),
    fix: "mend these hosts or raise rollout.maxUnavailable, then run pulumi up again.",
  });
}

function lostFailure(run: Run, host: string): Failure {
  const { health } = run.view.get(host);
  const start = `The rollout of ${shortDigest(run.target)} to ${run.request.subject} stopped before its canary ${host}: it became ${health}.`;
  return new Failure({
    kind: "remote",
    code: "rollout-stopped",
    message: [start, ...hostSentences(run)].join(" "),
    fix: "run pulumi up again; another host is the canary then.",
  });
}

/** Says of every host where it stands: `Put back on 9f2c…: kiosk-1. Left alone on 9f2c…: kiosk-2.` */
function hostSentences(run: Run): string[] {
  const standings = new Map<string, string[]>();
  for (const host of run.view.all()) {
    const standing = standingOf(run, host);
    const hosts = standings.get(standing);
    if (hosts === undefined) standings.set(standing, [host.name]);
    else hosts.push(host.name);
  }
  const said = [...standings].map(([standing, hosts]) => sentence(`${standing}: ${boundNames(hosts)}`));
  const data = [...run.outcomes.values()].some((outcome) => outcome.kind === "taken-back") ? ["Data in /var was not restored."] : [];
  return [...said, ...run.remarks.filter((remark) => remark.startsWith("rollbackAll")).map(sentence), ...data];
}

function standingOf(run: Run, host: HostFacts): string {
  const outcome: Outcome = run.outcomes.get(host.name) ?? { kind: "unchanged" };
  switch (outcome.kind) {
    case "put-back":
    case "taken-back":
      return `Put back on ${shortDigest(outcome.to)}`;
    case "restored":
      return `Back on ${shortDigest(outcome.to)}`;
    case "failed":
      return failedStanding(outcome, host);
    case "untouched":
      return `Not touched${standing(host)}`;
    case "interrupted":
      return "Interrupted";
    case "pending":
      return `Left for later (${outcome.reason})`;
    case "confirmed":
    case "still-unhealthy":
      return `Moved${standing(host)}`;
    case "unchanged":
      return `Left alone${standing(host)}`;
  }
}

function failedStanding({ rollback }: Extract<Outcome, { kind: "failed" }>, host: HostFacts): string {
  if (rollback === undefined) return `Left as it is${standing(host)}`;
  return `Could not be put back${standing(host, rollback.message.replace(/\.$/, ""))}`;
}

/** ` (9f2c…)`; how the host is only where that is not well. */
function standing({ booted, health }: HostFacts, remark = ""): string {
  const image = booted === undefined ? "" : shortDigest(booted);
  const parts = [image, health === "healthy" ? "" : health, remark].filter((part) => part !== "");
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
