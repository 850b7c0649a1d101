/** What Check says about a MachineGroup: rules across its properties, and what each machine is to run. */
import { isPinned, parseImageReference } from "../model/image-reference.ts";
import type { Checked, CheckedFields } from "../spec/handlers.ts";
import { known } from "../spec/known.ts";
import type { CheckFailure } from "../spec/served.ts";
import { Unknown, unknown } from "../spec/value.ts";
import { checkDiskOptions, checkStartable } from "./disk-options.ts";
import type { GivenMachineGroupArgs, MachineGroupArgs } from "./machine-group-spec.ts";
import { checkMachinePlatform } from "./machine-platform.ts";

type Given = CheckedFields<GivenMachineGroupArgs>;

/** Stays silent about what is not known yet. */
export function checkMachineGroup(args: Given): readonly CheckFailure[] {
  return [
    ...repeatedMachines(args.machines),
    ...strangers(args),
    ...repeatedPorts(args.ports),
    ...unforwardedCheck(args),
    ...checkDiskOptions(args.disk),
    ...checkMachinePlatform(args.disk),
    ...checkStartable(args.disk),
  ];
}

/** Unknown, machine by machine, as long as the image is. */
export function deriveBooted(args: Given): Checked<MachineGroupArgs["booted"]> {
  const names = known<readonly string[]>(args.machines);
  if (names === undefined) return unknown;
  const digest = digestOf(args.image);
  return Object.fromEntries(names.map((name) => [name, digest]));
}

function digestOf(image: Given["image"]): string | Unknown {
  const reference = image instanceof Unknown ? undefined : parseImageReference(image);
  return reference !== undefined && isPinned(reference) ? reference.digest : unknown;
}

function repeatedMachines(machines: Given["machines"]): CheckFailure[] {
  if (machines instanceof Unknown) return [];
  return machines.flatMap((name, index) =>
    name instanceof Unknown || machines.indexOf(name) === index ? [] : [{ path: ["machines", index], reason: `"${name}" is there twice` }],
  );
}

interface Forward {
  readonly guestPort: string;
  readonly machine: string;
  readonly port: Checked<number>;
}

function forwards(ports: Given["ports"]): Forward[] {
  if (ports instanceof Unknown) return [];
  return Object.entries(ports).flatMap(([guestPort, machines]) =>
    machines instanceof Unknown ? [] : Object.entries(machines).map(([machine, port]) => ({ guestPort, machine, port })),
  );
}

function strangers({ ports, machines }: Given): CheckFailure[] {
  const names = known<readonly string[]>(machines);
  if (names === undefined) return [];
  return forwards(ports)
    .filter(({ machine }) => !names.includes(machine))
    .map(({ guestPort, machine }) => ({ path: ["ports", guestPort, machine], reason: `"${machine}" is not one of the machines` }));
}

function repeatedPorts(ports: Given["ports"]): CheckFailure[] {
  const first = new Map<number, Forward>();
  return forwards(ports).flatMap((forward) => {
    if (forward.port instanceof Unknown) return [];
    const other = first.get(forward.port);
    first.set(forward.port, other ?? forward);
    if (other === undefined) return [];
    const reason = `${forward.port} is forwarded to port ${other.guestPort} of "${other.machine}" already; one port leads to one place`;
    return [{ path: ["ports", forward.guestPort, forward.machine], reason }];
  });
}

/** A machine is asked through its forwarded ports. */
function unforwardedCheck({ healthCheck, ports }: Given): CheckFailure[] {
  const check = known<NonNullable<GivenMachineGroupArgs["healthCheck"]>>(healthCheck);
  if (check === undefined || ports instanceof Unknown) return [];
  const kind = check.http !== undefined ? "http" : check.tcp !== undefined ? "tcp" : "ssh";
  const guestPort = check.http?.port ?? check.tcp?.port ?? 22;
  if (Object.hasOwn(ports, String(guestPort))) return [];
  const path = kind === "ssh" ? ["healthCheck", kind] : ["healthCheck", kind, "port"];
  return [{ path, reason: `port ${guestPort} is not forwarded, so nobody can ask there; add {"${guestPort}": {}} to ports` }];
}
