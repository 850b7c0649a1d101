/** What a group is to become: settings and disk of each machine, and how far a machine that was observed is from that. */
import { Failure } from "../failure.ts";
import { parseByteSize } from "../model/byte-size.ts";
import { isDigest, type Digest } from "../model/digest.ts";
import { settleEngine } from "../model/disk-engine.ts";
import { isPinned, parseImageReference, type PinnedReference } from "../model/image-reference.ts";
import type { MachineSettings } from "../model/machine.ts";
import { manifestFor } from "../model/platform.ts";
import type { HostFacts } from "../rollout/fleet.ts";
import type { CallContext } from "../spec/served.ts";
import { plainDiskOptions } from "./disk-options.ts";
import type { MachineGroupArgs, MachineGroupState } from "./machine-group-spec.ts";
import type { Disks, Images, MachineFacts, Machines } from "./ports.ts";

type SettingsArgs = Pick<
  MachineGroupArgs,
  "memory" | "cpus" | "ports" | "dataDisks" | "sshAuthorizedKeys" | "files" | "accelerator" | "disk"
>;

/** `undefined` where an unknown stands in the way. */
export interface GroupTarget {
  readonly digest: Digest;
  /** Of the platform's manifest: an index and its child are one image. */
  readonly manifest: Digest | undefined;
  readonly diskIdentity: string | undefined;
  /** By machine. */
  readonly settingsHashes: ReadonlyMap<string, string> | undefined;
}

/**
 * What a group is found by: what its state says, else the URN, which does not name the organization. Backends that know
 * no organizations call theirs "organization".
 */
export function keyOf(state: MachineGroupState | undefined, { organization, urn }: CallContext): string {
  const own = organization === "" || organization === "organization" ? urn : `${organization}/${urn}`;
  return state?.key ?? own;
}

export function pinnedReference(text: string): PinnedReference {
  const reference = parseImageReference(text);
  if (reference !== undefined && isPinned(reference)) return reference;
  throw new Failure({ kind: "bug", message: `The image ${text} passed Check without a digest.` });
}

export function settingsOf(args: SettingsArgs, machine: string): MachineSettings {
  return {
    memoryBytes: parseByteSize(args.memory) ?? 0,
    cpus: args.cpus,
    ports: Object.fromEntries(Object.entries(args.ports).map(([guestPort, machines]) => [guestPort, machines[machine]])),
    dataDisks: Object.entries(args.dataDisks).map(([name, { size }]) => ({ name, sizeBytes: parseByteSize(size) ?? 0 })),
    sshAuthorizedKeys: args.sshAuthorizedKeys,
    files: args.files,
    accelerator: args.accelerator,
    platform: plainDiskOptions(args.disk).platform,
  };
}

export function hashesOf(machines: Machines, args: SettingsArgs, names: readonly string[]): ReadonlyMap<string, string> {
  return new Map(names.map((name) => [name, machines.settingsHash(settingsOf(args, name))]));
}

export interface DiskQuestion {
  readonly image: PinnedReference;
  readonly disk: MachineGroupArgs["disk"];
  readonly signal: AbortSignal;
}

/** Without an answer from the registry a machine counts as unchanged while its digest is the same. */
export async function describeDisk(
  ports: { readonly images: Images; readonly disks: Disks },
  { image, disk, signal }: DiskQuestion,
): Promise<Pick<GroupTarget, "manifest" | "diskIdentity">> {
  const options = plainDiskOptions(disk);
  try {
    const description = await ports.images.describe(image, signal);
    const manifest = manifestFor(description?.platformDigests ?? {}, options.platform);
    if (description === undefined || manifest === undefined) return { manifest: undefined, diskIdentity: undefined };
    const settled = settleEngine(options, { reference: image, manifest, labels: description.labels });
    return { manifest, diskIdentity: ports.disks.identity(manifest, settled) };
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.kind === "remote") return { manifest: undefined, diskIdentity: undefined };
    throw thrown;
  }
}

/** The machine as a rollout sees it: what it runs under the target's name where that is the same image, and whether it must restart. */
export function hostOf(facts: MachineFacts, target: GroupTarget): MachineFacts {
  const { booted } = facts;
  const sameDisk = facts.diskIdentity !== undefined && facts.diskIdentity === target.diskIdentity;
  const runsTarget = booted !== undefined && (booted === target.digest || booted === target.manifest || sameDisk);
  const mustRestart = facts.mustRestart === true || hasOtherSettings(facts, target) || (runsTarget && hasOtherDisk(facts, target));
  return { ...facts, mustRestart, ...(runsTarget ? { booted: target.digest } : {}) };
}

/** Settings that are not known yet are taken for changed ones: a preview rather promises a restart too many. */
function hasOtherSettings({ name, settingsHash }: MachineFacts, { settingsHashes }: GroupTarget): boolean {
  return settingsHash !== undefined && settingsHash !== settingsHashes?.get(name);
}

function hasOtherDisk({ diskIdentity }: MachineFacts, target: GroupTarget): boolean {
  return diskIdentity !== undefined && target.diskIdentity !== undefined && diskIdentity !== target.diskIdentity;
}

/** Every machine of the program, those that do not exist as absent. */
export function hostsOf(names: readonly string[], facts: readonly MachineFacts[], target: GroupTarget): readonly HostFacts[] {
  const byName = new Map(facts.map((one) => [one.name, one]));
  return names.map((name) => {
    const found = byName.get(name);
    return found === undefined ? { name, health: "absent", labels: {} } : hostOf(found, target);
  });
}

/** Machines as the state remembers them, for a preview that may ask nobody. */
export function rememberedMachines(state: MachineGroupState | undefined): readonly MachineFacts[] {
  return Object.entries(state?.booted ?? {}).map(([name, digest]): MachineFacts => {
    const endpoints = Object.entries(state?.endpoints[name] ?? {});
    const ports = Object.fromEntries(
      endpoints.map(([guestPort, address]) => [guestPort, Number(address.slice(address.lastIndexOf(":") + 1))]),
    );
    const base = { name, health: "healthy", labels: {}, settled: true, ports, console: state?.consoles[name] ?? "" } as const;
    return isDigest(digest) ? { ...base, booted: digest } : base;
  });
}
