/** Budgets: how many hosts may be unavailable at once, in the whole fleet and among the hosts that share a label's value. */
import type { HostFacts, RolloutRules } from "./fleet.ts";

/** The budget that does not let a host go down. */
export interface Refusal {
  readonly limit: number;
  readonly unavailable: number;
  /** `site oslo`, or `no site` for hosts without the label; absent: the whole fleet. */
  readonly group?: string;
}

/** Who is unavailable now, counted in every budget. */
export interface Ledger {
  record(host: string, unavailable: boolean): void;
  /** The first budget that would be exceeded; undefined: the host may go down, or is down and costs nothing. */
  refusal(host: string): Refusal | undefined;
}

interface Group {
  readonly name?: string;
  readonly limit: number;
  unavailable: number;
}

const share = /^([0-9]+(?:\.[0-9]+)?)%$/;

export function isAvailable(host: HostFacts): boolean {
  return host.health === "healthy";
}

/** `maxUnavailable` in hosts. A share is rounded down, and never to 0. Check has refused what could never let a host move. */
export function unavailableLimit(maxUnavailable: number | string, hosts: number): number {
  if (typeof maxUnavailable === "number") return maxUnavailable;
  const percent = Number(share.exec(maxUnavailable)?.[1] ?? 0);
  // Percent first: 29% of 100 hosts is 29, and 0.29 * 100 is less than that.
  return Math.max(1, Math.floor((percent * hosts) / 100));
}

export function openLedger(rules: RolloutRules, hosts: readonly HostFacts[]): Ledger {
  const groups = new Map<string, Group>();
  const groupsOf = new Map(hosts.map((host) => [host.name, memberships({ rules, hosts, host, groups })]));
  const down = new Set<string>();
  const record = (host: string, unavailable: boolean): void => {
    if (down.has(host) === unavailable) return;
    if (unavailable) down.add(host);
    else down.delete(host);
    for (const group of groupsOf.get(host) ?? []) group.unavailable += unavailable ? 1 : -1;
  };
  const refusal = (host: string): Refusal | undefined => {
    if (down.has(host)) return undefined;
    const full = groupsOf.get(host)?.find((group) => group.unavailable >= group.limit);
    return full && { limit: full.limit, unavailable: full.unavailable, ...(full.name === undefined ? {} : { group: full.name }) };
  };
  for (const host of hosts) record(host.name, !isAvailable(host));
  return { record, refusal };
}

interface Membership {
  readonly rules: RolloutRules;
  readonly hosts: readonly HostFacts[];
  readonly host: HostFacts;
  readonly groups: Map<string, Group>;
}

function memberships({ rules, hosts, host, groups }: Membership): Group[] {
  const labels = Object.entries(rules.perLabel ?? {}).map(([label, limit]) => {
    const value = host.labels[label];
    return { key: JSON.stringify([label, value]), name: value === undefined ? `no ${label}` : `${label} ${value}`, limit };
  });
  const fleet = { key: "", name: undefined, limit: unavailableLimit(rules.maxUnavailable, hosts.length) };
  return [fleet, ...labels].map(({ key, name, limit }) => {
    const known = groups.get(key);
    if (known !== undefined) return known;
    const group: Group = { limit, unavailable: 0, ...(name === undefined ? {} : { name }) };
    groups.set(key, group);
    return group;
  });
}
