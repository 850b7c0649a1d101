/** The provider's configuration: what users may set under `bootable:`, and how it is read. */
import { parseByteSize } from "../model/byte-size.ts";
import { checkFields, readFields } from "./check.ts";
import { map, oneOf, string, type ArgsOf, type Fields, type Type } from "./property.ts";
import { byteSize } from "./rules.ts";
import type { CheckFailure, ProviderConfig } from "./served.ts";
import { holdsUnknown, isAbsent } from "./tree.ts";
import { Secret, type Value, type ValueMap } from "./value.ts";

export const configuration = {
  cacheSize: {
    type: byteSize,
    description: "How much the disk cache of this computer may hold. What was not used for the longest time goes first.",
    default: "20GiB",
  },
  progress: {
    type: oneOf(["auto", "lines", "none"]),
    description:
      "How long work shows its progress: `auto` beside the resource on a terminal and as a few lines where `CI` is set, `lines` always as lines, `none` not at all.",
    default: "auto",
  },
  tools: {
    type: map(string()),
    description: "Paths of external programs that are not on PATH, by their key: `qemuImg: /opt/qemu/bin/qemu-img`.",
    default: {},
  },
} as const satisfies Fields;

/** Set by SDKs and the engine on every provider, and none of ours. */
const foreignKeys: ReadonlySet<string> = new Set(["version", "pluginDownloadURL"]);

/** What was configured last, for those who ask at each use: they are made before the engine configures anything. */
export function configurationInForce(): { readonly now: () => ProviderConfig; readonly configure: typeof configure } {
  let { config } = configure({});
  return {
    now: () => config,
    configure: (raw) => {
      const configured = configure(raw);
      ({ config } = configured);
      return configured;
    },
  };
}

/** Reads raw configuration, where anything but a string arrives as JSON text. Unknown values give their defaults. */
export function configure(raw: ValueMap): { readonly config: ProviderConfig; readonly failures: readonly CheckFailure[] } {
  const failures: CheckFailure[] = [];
  const given = Object.entries(raw).filter(([name, value]) => !foreignKeys.has(name) && !isAbsent(value) && !holdsUnknown(value));
  const decoded = given.map(([name, value]): [string, Value] => [name, decode(name, value, failures)]);
  const checked = checkFields("the provider configuration", configuration, Object.fromEntries(decoded));
  failures.push(...checked.problems);
  return { config: readConfig(failures.length === 0 ? checked.values : {}), failures };
}

function decode(name: string, value: Value, failures: CheckFailure[]): Value {
  if (value instanceof Secret) return new Secret(decode(name, value.value, failures));
  const type = Object.hasOwn(configuration, name) ? (configuration as Fields)[name]?.type : undefined;
  if (typeof value !== "string" || type === undefined || isText(type)) return value;
  try {
    return JSON.parse(value) as Value;
  } catch {
    failures.push({ path: [name], reason: "is no JSON text; set single keys with pulumi config set --path" });
    return {};
  }
}

function isText(type: Type): boolean {
  return type.kind === "string" || type.kind === "oneOf";
}

function readConfig(values: ValueMap): ProviderConfig {
  const read = readFields(configuration, values) as ArgsOf<typeof configuration>;
  const { cacheSize, progress, tools } = read;
  return { cacheSizeBytes: parseByteSize(cacheSize) ?? 0, progress, tools };
}
