/** The `disk` property in plain form, for the rooms that make disks. */
import { parseByteSize } from "../model/byte-size.ts";
import type { DiskOptions } from "../model/disk.ts";
import { parsePlatform, platformOf } from "../model/platform.ts";
import type { ValueOf } from "../spec/property.ts";
import type { diskOptions } from "../spec/shapes.ts";

export type DiskOptionsArgs = ValueOf<typeof diskOptions>;

/** `checked` has passed Check, so that its texts can be read. */
export function plainDiskOptions(checked: Partial<DiskOptionsArgs> | undefined): DiskOptions {
  const sizeBytes = checked?.size === undefined ? undefined : parseByteSize(checked.size);
  return {
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    filesystem: checked?.filesystem ?? "ext4",
    kernelArguments: checked?.kernelArguments ?? [],
    engine: checked?.engine ?? "auto",
    platform: parsePlatform(checked?.platform ?? "") ?? platformOf("x64"),
    rootSshAuthorizedKeys: checked?.rootSshAuthorizedKeys ?? [],
  };
}
