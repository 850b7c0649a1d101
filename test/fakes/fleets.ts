/** Digests and hosts for tests of rollouts. */
import type { Digest } from "../../provider/model/digest.ts";
import type { HostFacts, RolloutRules } from "../../provider/rollout/fleet.ts";

export const oldImage: Digest = `sha256:9f2c41aa08d1${"0".repeat(52)}`;
export const newImage: Digest = `sha256:77aa41c09d12${"0".repeat(52)}`;

export const defaultRules: RolloutRules = { canary: 1, maxUnavailable: 1, bakeSeconds: 0, failureBudget: 0, onFailure: "rollback" };

/** Healthy on the old image, unless told otherwise. */
export function hostFacts(name: string, rest: Partial<HostFacts> = {}): HostFacts {
  return { name, health: "healthy", labels: {}, booted: oldImage, settled: true, ...rest };
}

export function absentHost(name: string): HostFacts {
  return { name, health: "absent", labels: {} };
}
