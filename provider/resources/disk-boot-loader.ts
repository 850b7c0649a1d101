/** The option `disk.bootLoader` in Check: its digest says in preview whether the file changed, on every computer the same. */
import type { Platform } from "../model/platform.ts";
import type { Checked } from "../spec/handlers.ts";
import { known } from "../spec/known.ts";
import type { CheckFailure } from "../spec/served.ts";
import { Unknown, unknown } from "../spec/value.ts";
import { plainDiskOptions, type DiskOptionsArgs } from "./disk-options.ts";
import type { Disks } from "./ports.ts";

interface BootLoaderCheck {
  readonly derived: { readonly disk?: Checked<DiskOptionsArgs> };
  readonly failures: readonly CheckFailure[];
}

const nothing: BootLoaderCheck = { derived: {}, failures: [] };

/** Where the digest is set, the file is not read: a preview may run where it is not. */
export async function checkBootLoader(disks: Pick<Disks, "bootLoader">, options: Checked<DiskOptionsArgs>): Promise<BootLoaderCheck> {
  if (options instanceof Unknown) return nothing;
  const { bootLoader, bootLoaderDigest } = options;
  const engine = known(options.engine);
  if (bootLoader === undefined) {
    return bootLoaderDigest === undefined ? nothing : refused("bootLoaderDigest", "says what disk.bootLoader is, which is left out");
  }
  if (engine === "bootc" || engine === "image-builder") {
    return refused("bootLoader", `is for the engine direct; the engine ${engine} takes the image's own`);
  }
  if (bootLoaderDigest !== undefined) return nothing;
  const platform = platformOf(options);
  if (bootLoader instanceof Unknown || platform === undefined) return derived(options, unknown);
  const reading = await disks.bootLoader(bootLoader, platform);
  return "refused" in reading ? refused("bootLoader", reading.refused) : derived(options, reading.digest);
}

function platformOf({ platform }: Exclude<Checked<DiskOptionsArgs>, Unknown>): Platform | undefined {
  return platform instanceof Unknown ? undefined : plainDiskOptions({ platform }).platform;
}

function derived(options: Exclude<Checked<DiskOptionsArgs>, Unknown>, bootLoaderDigest: Checked<string>): BootLoaderCheck {
  return { derived: { disk: { ...options, bootLoaderDigest } }, failures: [] };
}

function refused(property: keyof DiskOptionsArgs, reason: string): BootLoaderCheck {
  return { derived: {}, failures: [{ path: ["disk", property], reason }] };
}
