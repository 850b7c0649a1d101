/** The `disk` property in plain form, for the rooms that make disks. */
import { parseByteSize } from "../model/byte-size.ts";
import { isDigest } from "../model/digest.ts";
import type { DiskFormat, DiskOptions } from "../model/disk.ts";
import { parsePlatform, platformOf } from "../model/platform.ts";
import type { Checked } from "../spec/handlers.ts";
import { known } from "../spec/known.ts";
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
    ...(checked.targetImage === undefined ? {} : { targetImage: checked.targetImage }),
    ...(checked.builderImage === undefined ? {} : { builderImage: checked.builderImage }),
    ...bootLoaderOf(checked),
  };
}

function bootLoaderOf({ bootLoader: path, bootLoaderDigest: digest }: Partial<DiskOptionsArgs>): Pick<DiskOptions, "bootLoader"> {
  return path !== undefined && digest !== undefined && isDigest(digest) ? { bootLoader: { path, digest } } : {};
}

/** What the schema has words for and no engine can do, said in preview and not in the middle of the work. */
export function checkDiskOptions(options: Checked<DiskOptionsArgs>): readonly CheckFailure[] {
  if (options instanceof Unknown) return [];
  const engine = known(options.engine);
  if (engine === "linuxkit")
    return [refuse("engine", '"linuxkit" is not yet an engine of this provider; use auto, direct, bootc or image-builder')];
  return [...checkTarget(options, engine), ...checkInstaller(options, engine)];
}

type Given = Exclude<Checked<DiskOptionsArgs>, Unknown>;
type Engine = DiskOptions["engine"] | undefined;

function refuse(property: keyof DiskOptionsArgs, reason: string): CheckFailure {
  return { path: ["disk", property], reason };
}

function checkTarget({ targetImage }: Given, engine: Engine): readonly CheckFailure[] {
  return targetImage !== undefined && (engine === "direct" || engine === "image-builder")
    ? [
        refuse(
          "targetImage",
          `is for the engine bootc; the engine ${engine} ${engine === "direct" ? "writes down nothing of it" : "takes the image's own reference"}`,
        ),
      ]
    : [];
}

function checkInstaller({ builderImage, size, rootSshAuthorizedKeys }: Given, engine: Engine): readonly CheckFailure[] {
  if (engine === undefined) return [];
  if (engine !== "image-builder") return builderImage === undefined ? [] : [refuse("builderImage", "is for the engine image-builder")];
  const keys = known<readonly string[]>(rootSshAuthorizedKeys) ?? [];
  return [
    ...(builderImage === undefined
      ? [refuse("builderImage", "is missing; the engine image-builder runs that image, bootc-image-builder as repository@sha256:<digest>")]
      : []),
    ...(size === undefined ? [] : [refuse("size", "is not for the engine image-builder; an installer takes the disk that it finds")]),
    ...(keys.length > 1 ? [refuse("rootSshAuthorizedKeys", `has ${keys.length} keys; the engine image-builder takes one`)] : []),
  ];
}

/** An installer is no disk that a machine could start from. */
export function checkStartable(options: Checked<DiskOptionsArgs>): readonly CheckFailure[] {
  return !(options instanceof Unknown) && options.engine === "image-builder"
    ? [refuse("engine", '"image-builder" makes installers, from which no machine here can run; use auto, direct or bootc')]
    : [];
}

interface Wanted {
  readonly disk: Checked<DiskOptionsArgs>;
  readonly formats: Checked<readonly DiskFormat[]>;
}

/** `iso` and the engine image-builder go together, and with nothing else. */
export function checkFormats({ disk, formats }: Wanted): readonly CheckFailure[] {
  const engine = disk instanceof Unknown ? undefined : known(disk.engine);
  if (engine === undefined || formats instanceof Unknown) return [];
  return formats.flatMap((format, index): CheckFailure[] => {
    const path = ["formats", index];
    if (format instanceof Unknown || (format === "iso") === (engine === "image-builder")) return [];
    if (format !== "iso") return [{ path, reason: `"${format}" is not written by the engine image-builder, only iso is` }];
    return [{ path, reason: `"iso" is an installer, which only the engine image-builder makes; set disk.engine to it, not ${engine}` }];
  });
}
