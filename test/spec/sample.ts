/** A resource with every kind of property, and the calls to drive it, for the tests of this room. */
import type { Handlers } from "../../provider/spec/handlers.ts";
import {
  boolean,
  integer,
  list,
  map,
  number,
  object,
  oneOf,
  string,
  type ArgsOf,
  type GivenOf,
  type StateOf,
} from "../../provider/spec/property.ts";
import { resourceSpec } from "../../provider/spec/resource.ts";
import { byteSize, countOrShare, hostNameReason, port } from "../../provider/spec/rules.ts";
import type { CallContext } from "../../provider/spec/served.ts";
import { diskOptions, healthCheck } from "../../provider/spec/shapes.ts";

const volume = object("Volume", "A volume.", {
  name: { type: string(), description: "Its name." },
  size: { type: byteSize, default: "1GiB", description: "Its size." },
  key: { type: string(), optional: true, secret: true, description: "Its key." },
});

export const spec = resourceSpec({
  token: "bootable:test:Sample",
  description: "A sample.",
  inputs: {
    context: { type: string(), description: "A folder." },
    format: { type: oneOf(["raw", "qcow2", "vhd"]), default: "raw", description: "A format." },
    memory: { type: byteSize, optional: true, description: "Memory." },
    count: { type: integer(), optional: true, description: "A count." },
    ratio: { type: number(), optional: true, description: "A ratio." },
    enabled: { type: boolean(), default: true, description: "A switch." },
    share: { type: countOrShare, default: 1, description: "A share." },
    tags: { type: list(string()), default: [], description: "Tags." },
    ports: { type: map(port), optional: true, description: "Ports." },
    machines: {
      type: map(volume, hostNameReason),
      optional: true,
      description: "Machines.",
    },
    volumes: { type: list(volume), optional: true, description: "Volumes." },
    disk: { type: diskOptions, optional: true, description: "Disk." },
    healthCheck: { type: healthCheck, optional: true, description: "Health." },
    password: { type: string(), optional: true, secret: true, description: "A password." },
    place: { type: string(), default: "here", onChange: "refuse", instead: "make a second Sample", description: "A place." },
    remark: { type: string(), optional: true, onChange: "ignore", description: "A remark." },
    hash: { type: string(), derived: true, description: "A hash." },
    sources: { type: map(string()), derived: true, optional: true, description: "Sources." },
  },
  outputs: {
    ref: { type: string(), description: "A reference." },
    tags: { type: list(string()), optional: true, description: "Tags." },
    machines: {
      type: map(object("MachineState", "A machine.", { name: { type: string(), description: "Its name." } })),
      optional: true,
      description: "Machines.",
    },
    token: { type: string(), optional: true, secret: true, description: "A token." },
  },
});

export type Args = ArgsOf<typeof spec.inputs>;
export type Given = GivenOf<typeof spec.inputs>;
export type State = StateOf<typeof spec.outputs>;

/** Handlers that do next to nothing, with some replaced. */
export function handlers(changed: Partial<Handlers<Args, State, Given>> = {}): Handlers<Args, State, Given> {
  return {
    check: () => Promise.resolve({ derived: { hash: "h1" } }),
    preview: () => Promise.resolve({ ref: "local/os" }),
    ensure: () => Promise.resolve({ state: { ref: "local/os" } }),
    read: () => Promise.resolve({ kind: "gone" }),
    remove: () => Promise.resolve(),
    ...changed,
  };
}

/** A call's context, and the warnings that were given in it. */
export function testContext(): CallContext & { readonly warnings: string[] } {
  const warnings: string[] = [];
  return {
    urn: "urn:pulumi:dev::shop::bootable:test:Sample::web",
    name: "web",
    project: "shop",
    stack: "dev",
    organization: "organization",
    signal: new AbortController().signal,
    report: { info: () => {}, warn: (text) => warnings.push(text), status: () => {} },
    config: { cacheSizeBytes: 1, progress: "auto", tools: {} },
    warnings,
  };
}
