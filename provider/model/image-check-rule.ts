/** What the rules of an image's check have in common: what they are given, what they say, and which drivers are where. */
import type { DiskOptions } from "./disk.ts";
import type { Driver, ImageFacts } from "./image-check-facts.ts";
import type { TargetNeeds } from "./image-check-targets.ts";

export interface CheckedImage {
  readonly facts: ImageFacts;
  readonly options: Pick<DiskOptions, "filesystem" | "platform" | "rootSshAuthorizedKeys"> & { readonly secureBoot?: boolean };
  readonly targets: readonly TargetNeeds[];
}

/** Undefined when there is nothing to say. */
export type ImageRule = (image: CheckedImage) => Said | undefined;

export interface Said {
  readonly message: string;
  /** Completes both "fix: ..." and "To mend it, ...". */
  readonly fix: string;
  /** Left out: that of the rule's table. */
  readonly severity?: "error" | "warning";
}

/** Drivers that the kernel does not have before its root is mounted; none where that cannot be told. */
export function missingEarly({ drivers }: ImageFacts, wanted: readonly Driver[]): readonly Driver[] {
  const { builtIn, initramfs, unreadInitramfs } = drivers;
  if (builtIn === undefined || unreadInitramfs !== undefined) return [];
  return wanted.filter((driver) => !builtIn.includes(driver) && !initramfs.includes(driver));
}

/** Drivers that the kernel never has. */
export function missingLate(facts: ImageFacts, wanted: readonly Driver[]): readonly Driver[] {
  return missingEarly(facts, wanted).filter((driver) => !facts.drivers.installed.includes(driver));
}

/** `on Azure (hv_vmbus, hv_storvsc) and on Google Cloud (virtio_scsi)`; undefined when no target misses anything. */
export function missingByTarget(
  { targets }: CheckedImage,
  missing: (target: TargetNeeds) => readonly Driver[],
): { readonly text: string; readonly drivers: readonly Driver[] } | undefined {
  const lacking = targets.map((target) => ({ name: target.name, drivers: missing(target) })).filter(({ drivers }) => drivers.length > 0);
  if (lacking.length === 0) return undefined;
  const text = lacking.map(({ name, drivers }) => `on ${name} (${drivers.join(", ")})`).join(" and ");
  return { text, drivers: [...new Set(lacking.flatMap(({ drivers }) => drivers))] };
}

/** `AWS, Azure and Google Cloud` */
export function named(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** Debian's kernel for all hardware. */
export function debianKernel({ options }: CheckedImage): string {
  return `linux-image-${options.platform.architecture}`;
}
