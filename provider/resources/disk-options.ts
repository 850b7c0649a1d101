/** The `disk` property in plain form, for the rooms that make disks. */
import { parseByteSize } from "../model/byte-size.ts";
import { isDigest } from "../model/digest.ts";
import type { DiskOptions } from "../model/disk.ts";
import { parsePlatform, platformOf } from "../model/platform.ts";
import type { Checked } from "../spec/handlers.ts";
import type { ValueOf } from "../spec/property.ts";
import type { CheckFailure } from "../spec/served.ts";
import type { diskOptions } from "../spec/shapes.ts";
import { Unknown } from "../spec/value.ts";

export type DiskOptionsArgs = ValueOf<typeof diskOptions>;

/** `checked` has passed Check, so that its texts can be read. */
export function plainDiskOptions(checked: Partial<DiskOptionsArgs> = {}): DiskOptions {
  const sizeBytes = checked.size === undefined ? undefined : parseByteSize(checked.size);
  return {
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    filesystem: checked.filesystem ?? "ext4",
    kernelArguments: checked.kernelArguments ?? [],
    engine: checked.engine ?? "auto",
    platform: parsePlatform(checked.platform ?? "") ?? platformOf("x64"),
    rootSshAuthorizedKeys: checked.rootSshAuthorizedKeys ?? [],
    ...bootLoaderOf(checked),
  };
}

function bootLoaderOf({ bootLoader: path, bootLoaderDigest: digest }: Partial<DiskOptionsArgs>): Pick<DiskOptions, "bootLoader"> {
  return path !== undefined && digest !== undefined && isDigest(digest) ? { bootLoader: { path, digest } } : {};
}

/** What the schema has words for and no engine can do yet, said in preview and not in the middle of the work. */
export function checkDiskOptions(options: Checked<DiskOptionsArgs>): readonly CheckFailure[] {
  if (options instanceof Unknown) return [];
  const { engine } = options;
  const failures: CheckFailure[] = [];
  if (!(engine instanceof Unknown) && engine !== "auto" && engine !== "direct") {
    failures.push({ path: ["disk", "engine"], reason: `"${engine}" is not yet an engine of this provider; use auto or direct` });
  }
  return failures;
}
